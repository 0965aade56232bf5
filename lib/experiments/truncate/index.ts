/** `truncate`: one truncated file, and every way in which a guest can be told that a page of it is lost. */
import { formatDuration } from '../../bench/index.js';
import { Kvm } from '../../kvm/index.js';
import { LOSS_REPORTS, lossReport } from '../../loss/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Finding, Outcome, Row, TraceText } from '../frame/report.js';
import { median } from '../frame/statistics.js';
import { listOf } from '../frame/words.js';
import { renderTimeline } from '../frame/timeline.js';
import { unanswered } from '../frame/unanswered.js';
import { describeEnd, describeEvents, describeKernel, describeOutcome } from './describe.js';
import { LOSS_CASES, type LossObservation } from './observation.js';
import { observe, sampleTimes, withFileOfOthers, type FileOfOthers, type SampleLimit } from './try-access.js';
import { flawsOf } from './verdict.js';

/** An observation with the times of many more accesses. */
export interface MeasuredLoss extends LossObservation {
  /** From access to outcome, ns. */
  readonly timesNs: readonly number[];
}

const SAMPLES = 1000;
/** A VM that ends is made anew for each. */
const SAMPLES_OF_ENDS = 100;
/** Eight reports, four accesses, most of them a thousand times. */
const BUDGET_MS = 240_000;
/** Where the budget is used up, each access still gets so much. */
const LEAST_SHARE_MS = 50;

/** See the module's comment. */
export const truncate: Experiment = {
  id: 'truncate',
  question: 'A file behind a DAX window is truncated under a guest that uses it: what does each way of telling the guest come to, for a task, for a copy of its kernel, and for the kernel itself?',
  method: [
    'Another process truncates the file. A small guest with tasks, signals, an exception table, #VE, #MC and async page faults touches a page behind its end; the same with memory there is the control.',
    'The VMM finds out which access failed and answers by one report at a time. Times are the guest\'s own TSC, from the access to what its task has of it; where the VM ends, to the VMM\'s notice, and fewer times: each takes a new VM.',
    'The page is lost for good, but where the guest can ask for it by hypercall: then it comes back. Afterwards the file is made long enough again, and the access repeated.',
  ],
  budgetMs: BUDGET_MS,
  choice: { option: 'report', values: LOSS_REPORTS.map(({ name }) => name) },
  lacks: (kvm) => (kvm.checkExtension('SPLIT_IRQCHIP') > 0 ? null : 'it takes an APIC in KVM (KVM_CAP_SPLIT_IRQCHIP is 0 here)'),
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const measured: MeasuredLoss[] = [];
  const kvm = Kvm.open();
  try {
    await withFileOfOthers(async (file) => {
      const observations = await observeAll(context, kvm, file);
      for (const [done, observation] of observations.entries()) {
        const { report, tried } = observation;
        context.progress(`times of ${report.name}: ${tried.title}`, done, observations.length);
        const timesNs = await sampleTimes(kvm, file, lossReport(report.name), tried, limitFor(context, observation, observations.length - done));
        measured.push({ ...observation, timesNs });
      }
    });
  } finally {
    kvm.close();
  }
  return conclude(measured, context.chosen);
}

/** Each access once, whatever the budget: what the verdict is about comes before the times. */
async function observeAll(context: ExperimentContext, kvm: Kvm, file: FileOfOthers): Promise<LossObservation[]> {
  const cells = context.chosen.flatMap((name) => LOSS_CASES.map((tried) => ({ report: lossReport(name), tried })));
  const observations: LossObservation[] = [];
  for (const [done, { report, tried }] of cells.entries()) {
    if (context.interrupted()) break;
    context.progress(`${report.name}: ${tried.title}`, done, cells.length);
    observations.push(await observe(kvm, file, report, tried));
  }
  return observations;
}

/** Whoever needs less than a fair share of the time leaves the rest to the others. */
function limitFor(context: ExperimentContext, { end }: LossObservation, left: number): SampleLimit {
  const shareMs = Math.max(LEAST_SHARE_MS, context.remainingMs() / left);
  const samples = { done: context.samples(SAMPLES, 20), stuck: 0, ends: context.samples(SAMPLES_OF_ENDS, 5) }[end.kind === 'done' || end.kind === 'stuck' ? end.kind : 'ends'];
  return { samples, deadlineMs: performance.now() + shareMs, interrupted: () => context.interrupted() };
}

/** Computes the verdict. `names`: the reports that were to be run. */
export function conclude(measured: readonly MeasuredLoss[], names: readonly string[]): Outcome {
  const complete = names.filter((name) => measured.filter(({ report }) => report.name === name).length === LOSS_CASES.length);
  if (complete.length === 0) return unanswered('it was interrupted before one report had each access');
  const withoutTime = measured.filter(({ end, timesNs }) => end.kind !== 'done' && end.kind !== 'stuck' && timesNs.length === 0);
  return {
    finding: find(measured, complete),
    changedBy: [
      'A kernel that says more than EFAULT of a page that cannot be had (KVM_EXIT_MEMORY_FAULT) changes how the VMM finds out, and nothing that the guest sees.',
      'A guest kernel with its own way of taking machine checks may bring a page back that was bad; this one does as Linux does and keeps it away.',
      ...(complete.length < names.length ? [`It was interrupted: only ${complete.length} of ${names.length} reports were run with each access.`] : []),
    ],
    notReproduced: [
      '#VE by the hardware (a suppressed EPT violation): here the VMM writes the information area and injects vector 20, so that a #VE costs an exit to user space.',
      ...(withoutTime.length > 0 ? [`The time to the VMM's notice where the VM ends: this host's clock and the guest's are not on one steady scale.`] : []),
      'Async page faults with an error are no part of KVM: the VMM plays the host\'s end of the protocol through the MSR filter.',
    ],
    tables: [
      { id: 'saw', title: 'Who saw what, and whether it is right', rows: measured.map(sawRow) },
      { id: 'cost', title: 'What it took: events, and the time from the access to its outcome', rows: measured.map(costRow) },
    ],
    plots: [],
    traces: traces(measured, complete),
  };
}

function sawRow(loss: MeasuredLoss): Row {
  const flaws = flawsOf(loss);
  return {
    report: loss.report.name,
    access: loss.tried.title,
    taskSaw: describeOutcome(loss.outcome, loss.address),
    kernelSaw: describeKernel(loss),
    vm: describeEnd(loss),
    pageBack: loss.afterwards,
    verdict: flaws.length === 0 ? 'right' : flaws.join('; '),
  };
}

function costRow(loss: MeasuredLoss): Row {
  const { report, tried, timesNs } = loss;
  return { report: report.name, access: tried.title, events: describeEvents(loss), p50Ns: timesNs.length === 0 ? null : median(timesNs), samples: timesNs.length };
}

/** A timeline for each report: of the store, which most of them have the most trouble with; of one report alone, all. */
function traces(measured: readonly MeasuredLoss[], complete: readonly string[]): TraceText[] {
  const shown = complete.length > 1 ? measured.filter(({ tried }) => tried.access === 'store') : measured;
  return shown.map(({ report, tried, timeline, tscKhz }) => ({ title: `${report.name} (${report.title}): ${tried.title}`, text: renderTimeline(timeline, { tscKhz }) }));
}

function find(measured: readonly MeasuredLoss[], complete: readonly string[]): Finding {
  const ofReport = (name: string): MeasuredLoss[] => measured.filter(({ report }) => report.name === name);
  const flaws = (name: string): string[] => [...new Set(ofReport(name).flatMap(flawsOf))];
  const right = complete.filter((name) => flaws(name).length === 0);
  const wrong = complete.filter((name) => flaws(name).length > 0);
  const time = (name: string): string => formatDuration(median(ofReport(name).find(({ tried }) => tried.access === 'load')?.timesNs ?? []));
  const survived = (name: string): number => ofReport(name).filter(({ end }) => end.kind === 'done').length;
  const good = right.length === 0 ? 'no report gives every access what it needs' : `every access gets what it needs from ${right.join(', ')}`;
  const needs = 'what it needs (a task a signal with the address, a copy in the kernel an error, the kernel a reason to end)';
  return {
    answered: true,
    answer: `${right.length === 0 ? `no way of telling the guest that a page is lost gives every access ${needs}` : `told by ${listOf(right)}, the guest can give every access to a lost page ${needs}`}${wrong.length === 0 ? '' : `; told by ${listOf(wrong)} it cannot`}`,
    verdict: [
      `${good}${right.length === 0 ? '' : ` (a task's load has its outcome after ${right.map(time).join(', ')})`}`,
      ...wrong.map((name) => `${name}: ${flaws(name).join(', ')} (the VM survives ${survived(name)} of ${LOSS_CASES.length} accesses)`),
    ].join('; '),
  };
}
