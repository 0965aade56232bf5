/** Q10: what zapping on enable and 4 KiB mappings cost, how huge pages come back, and a hole for one page against a toggle. */
import { formatDuration } from '../../bench/index.js';
import { Kvm, probeUapi } from '../../kvm/index.js';
import { UAPI_PROFILES } from '../../uapi/proposals/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import { lineOf, log10Us } from '../frame/plot-line.js';
import type { Finding, Outcome, PlotData, QuotedFigure, Row } from '../frame/report.js';
import { estimate, quantile, type Estimate } from '../frame/statistics.js';
import { UNDISTURBED } from '../workload/page-cost.js';
import { runRounds } from '../workload/rounds.js';
import { CHANGES, measureChange, type ChangeId, type Sample } from './changes.js';

const ROUNDS = 8;
const MIB = 2 ** 20;
const SIZES = [2, 16, 64, 256].map((mib) => mib * MIB);
/** A software CPU takes long for a page. */
const EMULATED_SIZES = SIZES.slice(0, 3);
const PAGES_OF_HUGE = 512;

/** See the module's comment. */
export const q10: Experiment = {
  id: 'q10',
  question: 'What do zapping on enable and 4 KiB mappings cost: by slot size, while enabled, and until huge pages are back; and a hole in the slots for one poisoned page, against a toggle?',
  method: [
    'A guest writes every page of a region of huge pages, then the slot is changed: KVM_MEM_USERFAULT with no bit set where this kernel has it, and what is nearest to it on every kernel:',
    'dirty logging (4 KiB while on), deleting and making the slot again (everything zapped). Measured: the ioctls, the first pass after it with the faults KVM counted, writes to random',
    'places while it is on, and the same after it is off. A hole for one page is one slot deleted and two made around it. Times are lower quartiles of the runs.',
  ],
  lacks: () => null,
  inRounds: true,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const kvm = Kvm.open();
  try {
    const native = probeUapi(kvm, UAPI_PROFILES.userfault, {}).native;
    const changes = (Object.keys(CHANGES) as ChangeId[]).filter((change) => change !== 'userfault' || native);
    const samples: Sample[] = [];
    const trials = (context.host.emulated ? EMULATED_SIZES : SIZES).flatMap((sizeBytes) =>
      changes.map((change) => ({
        title: `${sizeBytes / MIB} MiB, ${CHANGES[change]}`,
        run: async (): Promise<void> => {
          samples.push(await measureChange(kvm, change, sizeBytes));
        },
      })),
    );
    await runRounds(context, trials, { most: context.samples(ROUNDS, 2), least: context.samples(3, 2) });
    return conclude(samples, native);
  } finally {
    kvm.close();
  }
}

/** What stands for KVM_MEM_USERFAULT. */
function toggleOf(native: boolean): ChangeId {
  return native ? 'userfault' : 'dirty-log';
}

/** Computes the verdict. `native`: the kernel has KVM_MEM_USERFAULT. */
export function conclude(samples: readonly Sample[], native: boolean): Outcome {
  const sizes = [...new Set(samples.map(({ sizeBytes }) => sizeBytes))].sort((a, b) => a - b);
  const changes = (Object.keys(CHANGES) as ChangeId[]).filter((change) => samples.some((sample) => sample.change === change));
  return {
    finding: find(samples, sizes, native),
    changedBy: [
      'Several vCPUs: they flush each other, and an ioctl that zaps waits for all of them.',
      'A host without huge pages behind the guest has only the zap to pay.',
      'A guest that touches few of its pages after the change pays for those alone: the first pass here touches all.',
    ],
    notReproduced: [
      ...(native ? [] : ['KVM_MEM_USERFAULT itself: this kernel does not have it. Dirty logging stands in, which write-protects where the flag zaps, and like it maps 4 KiB while it is on; the whole zap is that of a deleted slot.']),
      'guest_memfd, whose slots cannot be deleted and made again around their contents.',
      'vCPUs that run while their slots are missing for a moment: a VMM must stop all of them to punch a hole.',
    ],
    tables: [
      { id: 'changes', title: 'By change and size', rows: changes.flatMap((change) => sizes.flatMap((sizeBytes) => rowOf(samples, change, sizeBytes))) },
      { id: 'runs', title: 'Every run', detail: true, rows: samples.map(detailOf) },
    ],
    plots: [plotOf(samples, changes, sizes)],
    figures: changes.flatMap((change) => sizes.flatMap((sizeBytes) => figuresOf(samples, change, sizeBytes))),
  };
}

function of(samples: readonly Sample[], change: ChangeId, sizeBytes: number): Sample[] {
  return samples.filter((sample) => sample.change === change && sample.sizeBytes === sizeBytes);
}

/** A time of several runs: of those that others on the host disturbed least. */
function calm(timesNs: readonly number[]): Estimate {
  return estimate(timesNs, UNDISTURBED);
}

/** The ioctls and the pass that brings the mappings back, of one run. */
function wholeNs({ onNs, first }: Sample): number {
  return onNs + first.ns;
}

/** Whether the faults of a pass say that KVM mapped page by page; null where it does not count them. */
function bySmallPages({ pages, faults }: Sample['first']): boolean | null {
  return faults === null ? null : faults > pages / 2;
}

/** Time while the change was on over time before it: one ratio a machine. */
function slowdown(samples: readonly Sample[]): Estimate {
  return estimate(samples.map(({ during, before }) => during.ns / before.ns));
}

function figuresOf(samples: readonly Sample[], change: ChangeId, sizeBytes: number): QuotedFigure[] {
  const runs = of(samples, change, sizeBytes);
  if (runs.length === 0) return [];
  const where = `${CHANGES[change]}, ${sizeBytes / MIB} MiB`;
  return [
    quoted(`whole/${change}/${sizeBytes}`, `the change and the pass after it: ${where}`, 'ns', calm(runs.map(wholeNs)), 'machines'),
    ...(change === 'hole' ? [] : [quoted(`while-on/${change}/${sizeBytes}`, `writes while it is on over before: ${where}`, 'ratio', slowdown(runs), 'machines')]),
  ];
}

function rowOf(samples: readonly Sample[], change: ChangeId, sizeBytes: number): Row[] {
  const runs = of(samples, change, sizeBytes);
  if (runs.length === 0) return [];
  const mid = (value: (run: Sample) => number | null | undefined): number | null => {
    const values = runs.flatMap((run) => value(run) ?? []);
    return values.length === 0 ? null : quantile(values, UNDISTURBED);
  };
  const on = calm(runs.map(({ onNs }) => onNs));
  const slow = slowdown(runs);
  return [{
    change: CHANGES[change], mib: sizeBytes / MIB, runs: runs.length,
    onNs: on.value, onRange: rangeText(on, formatDuration), firstPassNs: mid(({ first }) => first.ns), faults: mid(({ first }) => first.faults),
    perPageNs: mid(({ first }) => first.ns / first.pages), whileOnRatio: change === 'hole' ? null : slow.value, whileOnRange: change === 'hole' ? null : rangeText(slow, (ratio) => ratio.toFixed(2)),
    offNs: mid(({ offNs }) => offNs), firstPassAfterNs: mid(({ firstAfter }) => firstAfter?.ns), faultsAfter: mid(({ firstAfter }) => firstAfter?.faults), afterRatio: mid(({ after, before }) => (after === null ? null : after.ns / before.ns)),
  }];
}

function detailOf({ change, sizeBytes, onNs, offNs, before, first, during, firstAfter, after }: Sample): Row {
  return {
    change, sizeBytes, onNs, offNs, beforeNs: before.ns, firstNs: first.ns, firstFaults: first.faults, duringNs: during.ns, firstAfterNs: firstAfter?.ns ?? null, firstAfterFaults: firstAfter?.faults ?? null, afterNs: after?.ns ?? null,
  };
}

function find(samples: readonly Sample[], sizes: readonly number[], native: boolean): Finding {
  const toggle = toggleOf(native);
  const complete = sizes.filter((sizeBytes) => of(samples, toggle, sizeBytes).length >= 2 && of(samples, 'hole', sizeBytes).length >= 2);
  if (complete.length < 2) return { answered: false, why: 'fewer than two sizes were measured twice: a longer --budget is needed' };
  const [least, most] = [Math.min(...complete), Math.max(...complete)];
  const large = of(samples, toggle, most);
  const before = large.map(({ first }) => bySmallPages(first));
  if (before.includes(false)) return { answered: false, why: `KVM did not map 4 KiB pages after the change (${large[0].first.faults ?? 0} faults for ${large[0].first.pages} pages): there is nothing to measure of them` };
  const show = (of: Estimate): string => `${formatDuration(of.value)} (95 %: ${rangeText(of, formatDuration)})`;
  const on = (sizeBytes: number): Estimate => calm(of(samples, toggle, sizeBytes).map(({ onNs }) => onNs));
  const perPage = calm(large.map(({ first }) => first.ns / first.pages));
  const off = calm(large.flatMap(({ offNs }) => offNs ?? []));
  const slow = slowdown(large);
  const back = quantile(large.flatMap(({ after, before: warm }) => (after === null ? [] : [after.ns / warm.ns])), 0.5);
  const faultsAfter = quantile(large.flatMap(({ firstAfter }) => firstAfter?.faults ?? []), 0.5);
  const huge = faultsAfter <= (2 * large[0].first.pages) / PAGES_OF_HUGE;
  const hole = calm(of(samples, 'hole', most).map(wholeNs));
  const toggled = calm(large.map((sample) => wholeNs(sample) + (sample.offNs ?? 0)));
  const holeAhead = hole.high < toggled.low;
  const mapsLonger = calm(large.map(({ first }) => first.ns)).value > on(most).value;
  return {
    answered: true,
    answer: `${mapsLonger ? 'turning interception on takes less time than the guest then needs to have its memory mapped again, 4 KiB at a time' : 'turning interception on takes more time than mapping the memory again'}; huge pages ${huge ? 'come back once it is off' : 'do not come back by themselves once it is off'}; cutting a hole for one page costs ${holeAhead ? 'less' : 'no less'} than turning interception off and on`,
    verdict:
      `${native ? 'KVM_MEM_USERFAULT' : 'dirty logging, in place of KVM_MEM_USERFAULT,'} turns on in ${show(on(least))} for ${least / MIB} MiB and ${show(on(most))} for ${most / MIB} MiB, and the first pass after it takes ${show(perPage)} a page ` +
      `(${quantile(large.flatMap(({ first }) => first.faults ?? []), 0.5).toLocaleString('en-US')} faults for ${large[0].first.pages.toLocaleString('en-US')} pages). While it is on, random writes take ${slow.value.toFixed(2)} times as long (95 %: ${rangeText(slow, (ratio) => ratio.toFixed(2))}); ` +
      `off takes ${show(off)}, after which ${huge ? `${faultsAfter.toLocaleString('en-US')} faults bring the huge pages back` : 'pages stay small'} and writes take ${back.toFixed(2)} times the time of before. ` +
      `One poisoned page: a hole costs ${show(hole)} with the pass that maps the rest again, turning the flag off and on ${show(toggled)}${holeAhead ? `, ${(toggled.value / hole.value).toFixed(0)} times as much` : ''}`,
  };
}

function plotOf(samples: readonly Sample[], changes: readonly ChangeId[], sizes: readonly number[]): PlotData {
  return {
    title: 'The change and the first pass after it, by size of the slot',
    x: sizes.map((sizeBytes) => `${sizeBytes / MIB} MiB`),
    y: 'log10 of us',
    log10Of: 'us',
    xLabel: 'size of the memory slot',
    better: 'lower',
    load: 'The load is one vCPU that writes to every page of the slot, and nothing else.',
    lines: changes.map((change) => lineOf(change, sizes.map((sizeBytes) => calm(of(samples, change, sizeBytes).map(wholeNs))), log10Us, CHANGES[change])),
  };
}
