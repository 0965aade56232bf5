/** Q9: how userfaultfd scales with vCPUs and readers, against exits with a bitmap and async page faults. */
import { availableParallelism } from 'node:os';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import { lineOf } from '../frame/plot-line.js';
import type { Finding, Outcome, PlotData, Row } from '../frame/report.js';
import { estimate, quantile, type Estimate } from '../frame/statistics.js';
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
        title: `${arm.title}, ${vcpus} vCPUs`,
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
  return `"${arm.title}" with ${vcpus} vCPUs had ${filledByReaders} of ${pages} pages put in place by readers, ${exits} after exits, and ${told} events told: it is not what it is to be`;
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
      VCPUS.filter((vcpus) => !isOne(above, below, vcpus)).map((vcpus) => quoted(`${above}/${below}/${vcpus}`, `${title}, ${vcpus} vCPUs`, 'ratio', ratio(samples, above, below, vcpus))).filter(({ units }) => units > 0),
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
  { above: 'exits', below: 'readers', title: 'exits over one userfaultfd' },
  { above: 'exits', below: 'per-vcpu', title: 'exits over a userfaultfd a vCPU' },
  { above: 'readers', below: 'one-reader', title: 'a reader a vCPU over one' },
  { above: 'per-vcpu', below: 'readers', title: 'a userfaultfd a vCPU over one for all' },
  { above: 'async', below: 'readers', title: 'async page faults over waiting' },
  { above: 'exits', below: 'none', title: 'exits over memory that is there' },
];

/** True where both arms are one and the same. */
function isOne(above: Arm['id'], below: Arm['id'], vcpus: number): boolean {
  return vcpus === 1 && ((above === 'per-vcpu' && below === 'readers') || below === 'one-reader');
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
  const at = (index: number, vcpus: number): Estimate => ratio(samples, RATIOS[index].above, RATIOS[index].below, vcpus);
  const [one, own, readers, apart] = [0, 1, 2, 3].map((index) => at(index, MOST));
  if (Math.min(...[one, own, readers, apart].map(({ count }) => count)) < 2) return { answered: false, why: `fewer than two rounds were finished with ${MOST} vCPUs: a longer --budget is needed` };
  const show = (of: Estimate): string => `${of.value.toFixed(2)} (95 %: ${rangeText(of, (end) => end.toFixed(2))})`;
  const rate = (id: Arm['id'], vcpus: number): number => quantile(ratesOf(samples, id, vcpus), 1 - UNDISTURBED);
  const kept = (id: Arm['id']): string => `${((rate(id, MOST) / rate(id, 1)) * 100).toFixed(0)} %`;
  const side = ({ low, high }: Estimate): string => (low > 1 ? 'ahead of' : high < 1 ? 'behind' : 'level with');
  return {
    answered: true,
    answer: `exits are ${side(one)} one userfaultfd, at as many vCPUs as were tried`,
    verdict:
      `exits page ${show(at(0, 1))} times as fast as userfaultfd with one vCPU, ${show(at(0, 2))} times with 2 and ${show(one)} times with ${MOST}, where they are at ${show(own)} times a userfaultfd a vCPU; ` +
      `a reader a vCPU is worth ${show(readers)} times one, a userfaultfd a vCPU ${show(apart)} times one for all, with ${MOST} vCPUs. Of its rate alone a vCPU keeps ${kept('none')} with ${MOST} vCPUs on ${cpus} CPUs where the memory is there, ` +
      `${kept('readers')} with one userfaultfd, ${kept('per-vcpu')} with one each, ${kept('exits')} with exits and ${kept('async')} with async page faults (a guest with nothing else to do)` +
      (cpus < 2 * MOST ? `; on ${cpus} CPUs that says little of contention` : ''),
  };
}

function plotOf(samples: readonly Sample[]): PlotData {
  return {
    title: 'Pages per second and vCPU, by vCPUs',
    x: VCPUS.map(String),
    y: 'log10 of pages/s',
    log10Of: 'pages/s',
    lines: ARMS.map(({ id }) => lineOf(id, VCPUS.map((vcpus) => estimate(ratesOf(samples, id, vcpus), 1 - UNDISTURBED)), Math.log10)),
  };
}
