/** Q8: which faults the guest can be told of, and what a synthetic halt saves for the others. */
import { formatDuration } from '../../bench/index.js';
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import { lineOf } from '../frame/plot-line.js';
import type { Finding, Outcome, PlotData, Row } from '../frame/report.js';
import { estimate, shareInterval, type Estimate } from '../frame/statistics.js';
import { unanswered } from '../frame/unanswered.js';
import { ACCESSES, interruptNote, interruptToPageMs } from '../waits/interrupted-wait.js';
import { LOAD_NOTE, TURNS_NOTE } from '../workload/measured-run.js';
import { Interruptions, interruptNs, interruptionRows, outcomeShare, type Waits } from '../waits/interruptions.js';
import { WAIT_ARMS, WAIT_LATENCIES_NS, deviation, figuresOf, measureWaitArms, percent, waitDetail, waitFigures, waitRows, type WaitArm, type WaitSample } from '../waits/whole-runs.js';
import { UNDISTURBED } from '../workload/page-cost.js';
import { perRound } from '../workload/rounds.js';

/** Of each access in each way, a round. */
const WAITS = 6;
const LEAST_WAITS = 2;
const ROUNDS = 8;
/** At which mixes are composed, and the verdict compares the ways. */
const MIX_FETCH_NS = 1e6;
/** Shares of a workload's faults that its kernel makes, from pure computing to pure system calls. */
const KERNEL_SHARES = [0, 0.1, 0.25, 0.5, 0.75, 1];

/** See the module's comment. */
export const q8: Experiment = {
  id: 'q8',
  question: 'Which share of faults can the guest be told of (CPL above 0, interrupts on, no shadow, nothing pending), and what does a synthetic halt save over exit and block for the rest?',
  method: [
    'A small guest with async page faults enabled touches a missing page as a task, as its kernel, in an interrupt shadow, with interrupts off; KVM decides. An interrupt is raised in',
    'the middle of the wait: told (a not-present event counted by the guest), halted (a worker of KVM in userfaultfd) and blocked (the vCPU\'s thread) are seen, not assumed.',
    'Then whole runs of one faulting and two counting tasks in each way to wait, and mixes of user and kernel faults composed from both.',
  ],
  inRounds: true,
  lacks: (kvm) => (kvm.checkExtension('ASYNC_PF_INT') > 0 && kvm.checkExtension('SPLIT_IRQCHIP') > 0 ? null : 'it takes async page faults by interrupt and an APIC in KVM (KVM_CAP_ASYNC_PF_INT or KVM_CAP_SPLIT_IRQCHIP is 0 here)'),
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const kvm = Kvm.open();
  try {
    const pairs = ACCESSES.flatMap((access) => (['kvm-told', 'kvm-block', 'exit'] as const).map((way) => ({ access, way })));
    const waits = new Interruptions(context, kvm, [...pairs, { access: ACCESSES[0], way: 'kvm-untold' }], context.samples(WAITS, LEAST_WAITS));
    const samples = await measureWaitArms(context, WAIT_ARMS, WAIT_LATENCIES_NS, ROUNDS, [{ title: 'interrupts', run: (round) => waits.measure(round) }]);
    return conclude(waits.results, samples);
  } finally {
    kvm.close();
  }
}

/** Computes the verdict. */
export function conclude(waits: readonly Waits[], samples: readonly WaitSample[]): Outcome {
  const wrong = samples.map(deviation).find((what) => what !== null);
  if (wrong !== undefined) return unanswered(wrong);
  const mixes = mixesOf(waits, samples);
  return {
    finding: find(waits, samples),
    changedBy: [
      'A guest that sets KVM_ASYNC_PF_SEND_ALWAYS may be told at CPL0 too; Linux does not any more.',
      'The mix: a workload with other shares of kernel faults is another line of the table of mixes.',
      'A guest whose tick is rarer than the fetch gains nothing by the halt but its interrupts: here it is 1 ms.',
      `More rounds: the fewest of an arm are ${fewest(samples)}; --budget makes more.`,
    ],
    notReproduced: [
      'An event that is being delivered when its stack is missing (nothing pending): the guest keeps its stacks.',
      'A real kernel\'s mix of faults: which accesses a kernel makes for its tasks is that kernel\'s matter; shares are given for every mix instead.',
      'Kernel faults in whole runs: the tasks fault at CPL3, and a kernel fault is taken to cost what theirs does in the same way of waiting.',
      ...(cplZero(waits) === 'blocked' ? ['CPL0 on hardware: here KVM emulates it, and an access of the emulator blocks the vCPU\'s thread in every state; on VMX and SVM hosts KVM halts the vCPU where interrupts are on.'] : []),
    ],
    tables: [
      { id: 'accesses', title: 'What KVM makes of a missing page, and when an interrupt in the middle of the wait is taken', rows: interruptionRows(waits), note: interruptNote() },
      { id: 'ways', title: 'Whole runs by way of waiting', rows: waitRows(samples, WAIT_ARMS, WAIT_LATENCIES_NS), note: TURNS_NOTE },
      { id: 'mixes', title: 'Composed: by share of faults that the kernel makes, fetch 1 ms', rows: mixes.map(mixRow) },
      { id: 'runs', title: 'Every run', detail: true, rows: waitDetail(samples) },
    ],
    plots: [plotOf(mixes)],
    figures: [
      ...[quoted('halted', 'an interrupt of a halted vCPU', 'ns', interruptNs(waits, 'halted')), quoted('exited', 'an interrupt of a vCPU that exited', 'ns', interruptNs(waits, 'exited', 'user'))].filter(({ units }) => units > 0),
      ...waitFigures(samples, WAIT_ARMS, WAIT_LATENCIES_NS),
    ],
  };
}

function fewest(samples: readonly WaitSample[]): number {
  return Math.min(...WAIT_LATENCIES_NS.flatMap((fetchNs) => WAIT_ARMS.map(({ id }) => figuresOf(samples, id, fetchNs)?.runs ?? 0)));
}

/** Waits of an access with KVM free to choose. */
function chosen(waits: readonly Waits[], id: string): Waits['waits'] {
  return waits.find(({ access, way }) => access.id === id && way === 'kvm-told')?.waits ?? [];
}

/** What KVM does about the kernel's accesses with interrupts on; null where none was made. */
function cplZero(waits: readonly Waits[]): 'halted' | 'blocked' | 'told' | null {
  const kernel = chosen(waits, 'kernel');
  if (kernel.length === 0) return null;
  return (['halted', 'blocked', 'told'] as const).reduce((a, b) => (outcomeShare(kernel, b) > outcomeShare(kernel, a) ? b : a));
}

/** A mix of faults of tasks and of the kernel, composed: what a page costs by what becomes of the faults that the guest is not told of. */
interface Mix {
  readonly kernelShare: number;
  readonly toldShare: number;
  readonly restHalted: Estimate;
  readonly restExits: Estimate;
  readonly noneTold: Estimate;
}

function mixesOf(waits: readonly Waits[], samples: readonly WaitSample[]): Mix[] {
  return KERNEL_SHARES.flatMap((kernelShare): Mix[] => {
    const toldShare = (1 - kernelShare) * outcomeShare(chosen(waits, 'user'), 'told') + kernelShare * outcomeShare(chosen(waits, 'kernel'), 'told');
    // Composed round by round: the arms of a round were slow, or not, together.
    const over = (told: number, rest: WaitArm['id']): Estimate => {
      const costNs = (ofRound: readonly WaitSample[], id: WaitArm['id']): number => figuresOf(ofRound, id, MIX_FETCH_NS)?.costNs.value ?? NaN;
      return estimate(perRound(samples, (ofRound) => told * costNs(ofRound, 'told') + (1 - told) * costNs(ofRound, rest)), UNDISTURBED);
    };
    const [restHalted, restExits, noneTold] = [over(toldShare, 'halt'), over(toldShare, 'exit'), over(0, 'exit')];
    return Math.min(restHalted.count, restExits.count) === 0 ? [] : [{ kernelShare, toldShare, restHalted, restExits, noneTold }];
  });
}

function mixRow({ kernelShare, toldShare, restHalted, restExits, noneTold }: Mix): Row {
  return {
    kernelFaultsShare: kernelShare, deliverableShare: toldShare,
    restHaltedNs: restHalted.value, restHaltedRange: rangeText(restHalted, formatDuration), restExitsNs: restExits.value, restExitsRange: rangeText(restExits, formatDuration), noneToldNs: noneTold.value,
    haltSavesShare: 1 - restHalted.value / restExits.value,
  };
}

function find(waits: readonly Waits[], samples: readonly WaitSample[]): Finding {
  const user = chosen(waits, 'user');
  const kernels = ACCESSES.filter(({ cpl }) => cpl === 0).flatMap(({ id }) => chosen(waits, id));
  if (user.length === 0 || kernels.length === 0) return { answered: false, why: 'not every kind of access was made: a longer --budget is needed' };
  const halted = interruptNs(waits, 'halted');
  const exited = interruptNs(waits, 'exited', 'user');
  if (halted.count === 0 || exited.count === 0) return { answered: false, why: `${halted.count === 0 ? 'no vCPU was seen halted' : 'no access exited'} with an interrupt, so that there is nothing to compare` };
  const at = MIX_FETCH_NS;
  const [halt, exit, told] = (['halt', 'exit', 'told'] as const).map((id) => figuresOf(samples, id, at));
  if (halt === null || exit === null || told === null || fewest(samples) < 2) return { answered: false, why: 'not every way of waiting was run twice: a longer --budget is needed' };
  const toldUser = user.filter(({ outcome }) => outcome === 'told').length;
  const toldKernel = kernels.filter(({ outcome }) => outcome === 'told').length;
  const users = shareInterval(toldUser, user.length);
  const kernelsTold = shareInterval(toldKernel, kernels.length);
  const zero = cplZero(waits);
  const saves = halt.costNs.high < exit.costNs.low;
  return {
    answered: true,
    answer: `KVM tells the guest of ${toldUser === user.length ? 'every fault' : toldUser === 0 ? 'no fault' : 'some faults'} of a task, and of ${toldKernel === 0 ? 'none' : 'some'} of its kernel (CPL0); during a wait, a vCPU that KVM halts takes its interrupts, and one that exited and blocks does not`,
    verdict:
      `KVM told the guest of ${toldUser} of ${user.length} faults of a task (95 %: ${percent(users.low)} to ${percent(users.high)}) and of ${toldKernel} of ${kernels.length} at CPL0 (${percent(kernelsTold.low)} to ${percent(kernelsTold.high)}), ` +
      `where with interrupts on it ${zero === 'blocked' ? "blocks the vCPU's thread here" : zero === 'halted' ? 'halts the vCPU' : 'tells the guest'}: the deliverable share of a workload is the share of its faults at CPL3. ` +
      `A halted vCPU takes an interrupt after ${formatDuration(halted.value)}, one that exited and blocks not before the page came, which the test brought ${interruptToPageMs()} ms after it (taken ${formatDuration(exited.value)} after it). ` +
      `At a fetch of ${formatDuration(at)} a page costs the other tasks ${formatDuration(told.costNs.value)} where the guest is told, ${formatDuration(halt.costNs.value)} (95 %: ${rangeText(halt.costNs, formatDuration)}) with the halt and ` +
      `${formatDuration(exit.costNs.value)} (${rangeText(exit.costNs, formatDuration)}) with exit and block${saves ? `: the halt saves ${percent(1 - halt.costNs.value / exit.costNs.value)}` : ', which noise does not tell apart'}`,
  };
}

function plotOf(mixes: readonly Mix[]): PlotData {
  const us = (ns: number): number => ns / 1e3;
  return {
    title: 'vCPU time that a page of 1 ms costs, by share of faults that the kernel makes (composed)',
    x: mixes.map(({ kernelShare }) => percent(kernelShare)),
    xLabel: "share of faults that the guest's kernel makes",
    better: 'lower',
    load: LOAD_NOTE,
    y: 'vCPU time, us',
    lines: [
      lineOf('the rest halts', mixes.map(({ restHalted }) => restHalted), us),
      lineOf('the rest exits and blocks', mixes.map(({ restExits }) => restExits), us),
      lineOf('none told', mixes.map(({ noneTold }) => noneTold), us),
    ],
  };
}
