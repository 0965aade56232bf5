/** Q9: how userfaultfd scales with vCPUs and readers, against exits with a bitmap and async page faults. */
import { availableParallelism } from 'node:os';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import { lineOf } from '../frame/plot-line.js';
import type { Finding, Outcome, PlotData, Row } from '../frame/report.js';
import { estimate, quantile, type Estimate } from '../frame/statistics.js';
import { countOf, listOf } from '../frame/words.js';
import { unanswered } from '../frame/unanswered.js';
import { UNDISTURBED } from '../workload/page-cost.js';
import { perRound, runRounds, type Trial } from '../workload/rounds.js';
import { Crew, type Paging, type PagingResult } from './crew.js';

const ROUNDS = 24;
const PAGES_PER_VCPU = 512;
const VCPUS = [1, 2, 4] as const;
const MOST = Math.max(...VCPUS);

/** A way to learn of a missing page and to put it in place. */
export interface Arm {
  readonly id: 'none' | 'one-reader' | 'readers' | 'per-vcpu' | 'exits' | 'async';
  readonly title: string;
  readonly paging: (vcpus: number) => Paging;
}

/** Every way. */
export const ARMS: readonly Arm[] = [
  { id: 'none', title: 'none: the memory is there', paging: (vcpus) => ({ way: 'present', vcpus, readers: 0, userfaultfds: 0 }) },
  { id: 'one-reader', title: 'one userfaultfd, one reader', paging: (vcpus) => ({ way: 'userfaultfd', vcpus, readers: 1, userfaultfds: 1 }) },
  { id: 'readers', title: 'one userfaultfd, a reader a vCPU', paging: (vcpus) => ({ way: 'userfaultfd', vcpus, readers: vcpus, userfaultfds: 1 }) },
  { id: 'per-vcpu', title: 'a userfaultfd and a reader a vCPU', paging: (vcpus) => ({ way: 'userfaultfd', vcpus, readers: vcpus, userfaultfds: vcpus }) },
  { id: 'exits', title: 'exits by a bitmap', paging: (vcpus) => ({ way: 'exit', vcpus, readers: 0, userfaultfds: 1 }) },
  { id: 'async', title: 'async page faults, one userfaultfd, a reader a vCPU', paging: (vcpus) => ({ way: 'async', vcpus, readers: vcpus, userfaultfds: 1 }) },
];

/** One run. */
export interface Sample {
  readonly round: number;
  readonly arm: Arm;
  readonly vcpus: number;
  readonly result: PagingResult;
}

/** See the module's comment. */
export const q9: Experiment = {
  id: 'q9',
  question: 'How does userfaultfd scale: one for all or one a vCPU, with 1 to N readers, against exits with a bitmap and async page faults?',
  method: [
    "Demand paging of zeroes and nothing else, in the shape of the kernel's demand_paging_test: each vCPU writes to every page of its part of one mapping, pages per second and vCPU.",
    'Readers take one message at a time and put the page in place; after an exit the vCPU\'s own thread does. With async page faults the guest has one task, which sleeps until its page is ready.',
    'Others on the host only take time away: rates are upper quartiles of the runs, and a ratio is the middle one of those within a round, with its 95 % interval over the rounds.',
  ],
  inRounds: true,
  lacks: (kvm) => (kvm.checkExtension('ASYNC_PF_INT') > 0 && kvm.checkExtension('SPLIT_IRQCHIP') > 0 ? null : 'it takes async page faults by interrupt and an APIC in KVM (KVM_CAP_ASYNC_PF_INT or KVM_CAP_SPLIT_IRQCHIP is 0 here)'),
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const samples: Sample[] = [];
  await Crew.with(MOST, async (crew) => {
    const trials = VCPUS.flatMap((vcpus) =>
      // With one vCPU these are one and the same.
      ARMS.filter(({ id }) => vcpus > 1 || (id !== 'readers' && id !== 'per-vcpu')).map((arm): Trial<void> => ({
        title: `${arm.title}, ${countOf(vcpus, 'vCPU')}`,
        run: async (round): Promise<void> => {
          samples.push({ round, arm, vcpus, result: await crew.page(arm.paging(vcpus), PAGES_PER_VCPU) });
        },
      })),
    );
    await runRounds(context, trials, { most: context.samples(ROUNDS, 3), least: 3 });
  });
  return conclude(samples);
}

/** What a run did that its arm does not mean, as a sentence; null where it is what it is to be. */
export function deviation({ arm, vcpus, result: { pages, filledByReaders, exits, told } }: Sample): string | null {
  const [read, exited] = { none: [0, 0], 'one-reader': [pages, 0], readers: [pages, 0], 'per-vcpu': [pages, 0], exits: [0, pages], async: [pages, 0] }[arm.id];
  if (filledByReaders === read && exits === exited && (arm.id === 'async') === told > 0) return null;
  return `"${arm.title}" with ${countOf(vcpus, 'vCPU')} had ${filledByReaders} of ${pages} pages put in place by readers, ${exits} after exits, and ${told} events told: it is not what it is to be`;
}

/** Computes the verdict. */
export function conclude(samples: readonly Sample[]): Outcome {
  const wrong = samples.map(deviation).find((what) => what !== null);
  if (wrong !== undefined) return unanswered(wrong);
  const cpus = availableParallelism();
  return {
    finding: find(samples, cpus),
    changedBy: [
      `CPUs: ${cpus} carry up to ${MOST} vCPUs and as many readers here. What a lock costs that many CPUs contend for shows only with as many CPUs; the fewer they are, the more a reader's CPU time is taken from vCPUs.`,
      'A fetch that takes time: here a page is zeroes. While it is under way, a reader has room for other faults, and a vCPU that fetches by itself has not.',
      'A guest with other tasks: with async page faults it would go on with them, and here it waits.',
    ],
    notReproduced: [
      'More vCPUs than 4, above all the 64 at which the published ratios are largest.',
      "vCPUs of one VM: each has a VM of its own here, so that KVM's own locks are not shared; the address space and the userfaultfd are.",
      "A native kernel's exit: the exit is an access that fails with EFAULT (a SIGBUS userfaultfd), and where it failed is read from the guest's registers.",
    ],
    tables: [
      { id: 'rates', title: 'Pages per second and vCPU', rows: ARMS.map((arm) => rateRow(samples, arm)) },
      { id: 'ratios', title: 'Ratios at the same number of vCPUs', rows: ratioRows(samples) },
      { id: 'runs', title: 'Every run', detail: true, rows: samples.map(detailOf) },
    ],
    plots: [plotOf(samples)],
    figures: RATIOS.flatMap(({ above, below, title }) =>
      VCPUS.filter((vcpus) => !isOne(above, below, vcpus)).map((vcpus) => quoted(`${above}/${below}/${vcpus}`, `${title}, ${countOf(vcpus, 'vCPU')}`, 'ratio', ratio(samples, above, below, vcpus))).filter(({ units }) => units > 0),
    ),
  };
}

/** Rates of an arm. With one vCPU a reader a vCPU, or a userfaultfd a vCPU, is one. */
function ratesOf(samples: readonly Sample[], id: Arm['id'], vcpus: number): number[] {
  const same = vcpus === 1 && (id === 'readers' || id === 'per-vcpu') ? 'one-reader' : id;
  return samples.filter((sample) => sample.arm.id === same && sample.vcpus === vcpus).map(({ result }) => result.ratePerVcpu);
}

/** Rate of one arm over that of another: one ratio a round. */
function ratio(samples: readonly Sample[], above: Arm['id'], below: Arm['id'], vcpus: number): Estimate {
  return estimate(perRound(samples, (ofRound) => (ratesOf(ofRound, above, vcpus).at(0) ?? NaN) / (ratesOf(ofRound, below, vcpus).at(0) ?? NaN)));
}

function rateRow(samples: readonly Sample[], { id, title }: Arm): Row {
  const rates = VCPUS.map((vcpus) => ratesOf(samples, id, vcpus));
  const mid = (of: readonly number[]): number | null => (of.length === 0 ? null : quantile(of, 1 - UNDISTURBED));
  const [alone, most] = [mid(rates[0]), mid(rates[rates.length - 1])];
  return {
    way: title,
    ...Object.fromEntries(VCPUS.map((vcpus, at) => [`vcpus${vcpus}PerSecond`, mid(rates[at])])),
    mostOverOneRatio: alone === null || most === null ? null : most / alone,
    rounds: Math.min(...rates.map(({ length }) => length)),
  };
}

/** Those that the argument for exits rests on, and those for more readers and for more userfaultfds. */
const RATIOS: readonly { readonly above: Arm['id']; readonly below: Arm['id']; readonly title: string }[] = [
  { above: 'exits', below: 'one-reader', title: 'exits over one userfaultfd, one reader' },
  { above: 'exits', below: 'readers', title: 'exits over one userfaultfd, a reader a vCPU' },
  { above: 'exits', below: 'per-vcpu', title: 'exits over a userfaultfd and a reader a vCPU' },
  { above: 'readers', below: 'one-reader', title: 'one userfaultfd: a reader a vCPU over one reader' },
  { above: 'per-vcpu', below: 'readers', title: 'a reader a vCPU: a userfaultfd a vCPU over one for all' },
  { above: 'async', below: 'readers', title: 'a reader a vCPU: async page faults over waiting' },
  { above: 'exits', below: 'none', title: 'exits over memory that is there' },
];

/** True where both arms are one and the same, or the ratio is that of another row. */
function isOne(above: Arm['id'], below: Arm['id'], vcpus: number): boolean {
  return vcpus === 1 && (above === 'readers' || above === 'per-vcpu' || (above === 'exits' && (below === 'readers' || below === 'per-vcpu')));
}

const SETTINGS = ['one-reader', 'readers', 'per-vcpu'] as const satisfies readonly Arm['id'][];

/** Exits against the setting of userfaultfd that was fastest with that many vCPUs. */
function overBest(samples: readonly Sample[], vcpus: number): { readonly setting: string; readonly ratio: Estimate } {
  const rate = (id: Arm['id']): number => quantile(ratesOf(samples, id, vcpus), 1 - UNDISTURBED);
  const best = SETTINGS.filter((id) => vcpus > 1 || id === 'one-reader').reduce<Arm['id']>((a, b) => (rate(b) > rate(a) ? b : a), 'one-reader');
  return { setting: ARMS.find(({ id }) => id === best)?.title ?? best, ratio: ratio(samples, 'exits', best, vcpus) };
}

function ratioRows(samples: readonly Sample[]): Row[] {
  return RATIOS.flatMap(({ above, below, title }) =>
    VCPUS.flatMap((vcpus): Row[] => {
      if (isOne(above, below, vcpus)) return [];
      const { value, low, high, count } = ratio(samples, above, below, vcpus);
      return count === 0 ? [] : [{ ratio: title, vcpus, medianRatio: value, range: rangeText({ low, high, count }, (of) => of.toFixed(2)), rounds: count }];
    }),
  );
}

function detailOf({ arm, vcpus, result: { pages, ns, ratePerVcpu, filledByReaders, exits, told } }: Sample): Row {
  return { arm: arm.id, vcpus, pages, ns, ratePerSecond: ratePerVcpu, filledByReaders, exits, told };
}

function find(samples: readonly Sample[], cpus: number): Finding {
  const bests = VCPUS.map((vcpus) => ({ vcpus, ...overBest(samples, vcpus) }));
  const [readers, apart] = [ratio(samples, 'readers', 'one-reader', MOST), ratio(samples, 'per-vcpu', 'readers', MOST)];
  if (Math.min(...[...bests.map((best) => best.ratio), readers, apart].map(({ count }) => count)) < 2) return { answered: false, why: `fewer than two rounds were finished with up to ${MOST} vCPUs: a longer --budget is needed` };
  const show = (of: Estimate): string => `${of.value.toFixed(2)} (95 %: ${rangeText(of, (end) => end.toFixed(2))})`;
  const rate = (id: Arm['id'], vcpus: number): number => quantile(ratesOf(samples, id, vcpus), 1 - UNDISTURBED);
  const kept = (id: Arm['id']): string => `${((rate(id, MOST) / rate(id, 1)) * 100).toFixed(0)} %`;
  const ahead = bests.filter((best) => best.ratio.low > 1).map(({ vcpus }) => vcpus);
  const rest = VCPUS.filter((vcpus) => !ahead.includes(vcpus));
  const counts = (of: readonly number[]): string => `${listOf(of.map(String))} vCPU${of.length === 1 && of[0] === 1 ? '' : 's'}`;
  return {
    answered: true,
    answer: `exits to user space bring ${ahead.length === 0 ? '' : `more pages a second than the fastest setting of userfaultfd with ${counts(ahead)}`}${ahead.length > 0 && rest.length > 0 ? ', and ' : ''}${rest.length === 0 ? '' : `no more${ahead.length === 0 ? ' pages a second than the fastest setting of userfaultfd' : ''} with ${counts(rest)}`}`,
    verdict:
      `against the setting of userfaultfd that was fastest, exits bring ${bests.map(({ vcpus, setting, ratio: of }, at) => `${show(of)} times${at === 0 ? ' as many pages a second' : ''} with ${countOf(vcpus, 'vCPU')} (${setting})`).join(', ')}. ` +
      `With ${MOST} vCPUs on one userfaultfd a reader a vCPU brings ${show(readers)} times what one reader does; a userfaultfd a vCPU besides ${show(apart)} times that. Of its rate alone a vCPU keeps ${kept('none')} with ${MOST} vCPUs on ${cpus} CPUs where the memory is there, ` +
      `${kept('one-reader')} with one userfaultfd and one reader, ${kept('readers')} with a reader a vCPU, ${kept('per-vcpu')} with a userfaultfd a vCPU besides, ${kept('exits')} with exits and ${kept('async')} with async page faults (a guest with nothing else to do)` +
      (cpus < 2 * MOST ? `; on ${cpus} CPUs that says little of contention` : ''),
  };
}

function plotOf(samples: readonly Sample[]): PlotData {
  return {
    title: 'Pages per second and vCPU, by vCPUs',
    x: VCPUS.map(String),
    xLabel: 'vCPUs',
    y: 'pages/s and vCPU',
    better: 'higher',
    load: 'The vCPUs do nothing but touch pages of zeroes, and not what they do in a bench: figures of the two are not to be compared.',
    // Many times as fast as all others, which would be one line at the bottom.
    note: 'Memory that is there (none, in the table) is many times as fast, and not in the plot.',
    lines: ARMS.filter(({ id }) => id !== 'none').map(({ id, title }) => lineOf(id, VCPUS.map((vcpus) => estimate(ratesOf(samples, id, vcpus), 1 - UNDISTURBED)), undefined, title)),
  };
}
