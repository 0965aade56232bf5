/** Q15: what is left where KVM cannot touch the guest's state, so that no #PF can be injected. */
import { formatDuration } from '../../bench/index.js';
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import { lineOf, log10Us } from '../frame/plot-line.js';
import type { Finding, Outcome, PlotData, PlotLine } from '../frame/report.js';
import type { Estimate } from '../frame/statistics.js';
import { unanswered } from '../frame/unanswered.js';
import { ACCESSES, interruptNote, interruptToPageMs } from '../waits/interrupted-wait.js';
import { Interruptions, interruptNs, interruptionRows, type Waits } from '../waits/interruptions.js';
import { LOAD_NOTE, TURNS_NOTE } from '../workload/measured-run.js';
import { WAIT_ARMS, WAIT_LATENCIES_NS, deviation, figuresOf, measureWaitArms, percent, waitDetail, waitFigures, waitRows, type ArmFigures, type WaitArm, type WaitSample } from '../waits/whole-runs.js';

/** Of each access in each way, a round. */
const WAITS = 6;
const LEAST_WAITS = 2;
const ROUNDS = 10;
const LATENCIES_NS = [0, ...WAIT_LATENCIES_NS];
/** What needs nothing of the guest. */
const ARMS = WAIT_ARMS.filter(({ id }) => id !== 'told');

/** See the module's comment. */
export const q15: Experiment = {
  id: 'q15',
  question: 'What is left for guests whose state KVM cannot touch, where no #PF can be injected: the halt alone?',
  method: [
    'The guest finds no async page faults in CPUID and cannot enable them: nothing is ever delivered. Three ways to wait are left: KVM halts the vCPU, which still takes interrupts;',
    'its thread blocks in userfaultfd; the fault exits and the VMM blocks. One task that faults and two that count, in rounds of alternating order, and single waits that an interrupt meets.',
  ],
  inRounds: true,
  lacks: (kvm) => (kvm.checkExtension('ASYNC_PF') > 0 && kvm.checkExtension('SPLIT_IRQCHIP') > 0 ? null : 'it takes the halts of KVM (KVM_CAP_ASYNC_PF or KVM_CAP_SPLIT_IRQCHIP is 0 here)'),
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const kvm = Kvm.open();
  try {
    const pairs = ACCESSES.slice(0, 2).flatMap((access) => (['kvm-untold', 'kvm-block', 'exit'] as const).map((way) => ({ access, way })));
    const waits = new Interruptions(context, kvm, pairs, context.samples(WAITS, LEAST_WAITS));
    const samples = await measureWaitArms(context, ARMS, LATENCIES_NS, ROUNDS, [{ title: 'interrupts', run: (round) => waits.measure(round) }]);
    return conclude(waits.results, samples);
  } finally {
    kvm.close();
  }
}

/** Computes the verdict. */
export function conclude(waits: readonly Waits[], samples: readonly WaitSample[]): Outcome {
  const wrong = samples.map(deviation).find((what) => what !== null);
  if (wrong !== undefined) return unanswered(wrong);
  return {
    finding: find(waits, samples),
    changedBy: [
      'A guest that does not preempt its tasks by a tick gains nothing but its interrupts; a shorter tick than 1 ms hands the vCPU to other tasks sooner.',
      'A guest with nothing else to do loses by the halt what it adds to the way back to the task.',
      'A protected guest that offers an interface of its own for missing pages (an interrupt with a shared page, say) would be told without a #PF.',
    ],
    notReproduced: [
      'A protected guest (SEV-ES, SEV-SNP, TDX): this host has none. The state of the guest here is KVM\'s to see; nothing is done with it.',
      'Exits of protected guests, which cost more, and their memory, which userfaultfd does not reach.',
    ],
    tables: [
      { id: 'interruptions', title: 'An interrupt in the middle of a wait', rows: interruptionRows(waits), note: interruptNote() },
      { id: 'ways', title: 'Whole runs by way of waiting', rows: waitRows(samples, ARMS, LATENCIES_NS), note: TURNS_NOTE },
      { id: 'runs', title: 'Every run', detail: true, rows: waitDetail(samples) },
    ],
    plots: plots(samples),
    figures: [
      ...[quoted('halted', 'an interrupt of a halted vCPU', 'ns', interruptNs(waits, 'halted', 'user')), quoted('exited', 'an interrupt of a vCPU that exited', 'ns', interruptNs(waits, 'exited', 'user'))].filter(({ units }) => units > 0),
      ...waitFigures(samples, ARMS, LATENCIES_NS),
    ],
  };
}

function find(waits: readonly Waits[], samples: readonly WaitSample[]): Finding {
  const halted = interruptNs(waits, 'halted', 'user');
  const exited = interruptNs(waits, 'exited', 'user');
  if (halted.count === 0 || exited.count === 0) return { answered: false, why: `${halted.count === 0 ? 'no vCPU was seen halted' : 'no access exited'} with an interrupt, so that there is nothing to compare` };
  const pairs = LATENCIES_NS.flatMap((fetchNs) => {
    const [halt, block, exit] = (['halt', 'block', 'exit'] as const).map((id: WaitArm['id']) => figuresOf(samples, id, fetchNs));
    return halt === null || block === null || exit === null || Math.min(halt.runs, block.runs, exit.runs) < 2 ? [] : [{ fetchNs, halt, block, exit }];
  });
  const long = pairs.find(({ fetchNs }) => fetchNs === 10e6);
  const short = pairs.find(({ fetchNs }) => fetchNs === 100e3);
  if (long === undefined || short === undefined) return { answered: false, why: 'not every way of waiting was run twice at fetches of 100 us and 10 ms: a longer --budget is needed' };
  const gains = pairs.filter(({ halt, block, exit }) => halt.kept.low > Math.max(block.kept.high, exit.kept.high));
  const wake = (of: Estimate): string => `${formatDuration(of.value)} (95 %: ${rangeText(of, formatDuration)})`;
  const delay = delayWords(long.halt.latencyNs, long.exit.latencyNs);
  return {
    answered: true,
    answer: gains.length > 0 ? 'the halt alone is left, and it is worth having: the vCPU takes interrupts while it waits, so that a guest that preempts its tasks gets work done during long fetches' : 'the halt alone is left: the vCPU takes interrupts while it waits, but its guest gets no more work done',
    verdict:
      `the halt alone is left: an interrupt reaches a halted vCPU in ${wake(halted)}, and one that exited and blocks not before the page came, which the test brought ${interruptToPageMs()} ms after the interrupt (taken ${wake(exited)} after it). ` +
      `With a fetch of 10 ms the guest's tick lets the other tasks keep ${percent(long.halt.kept.value)} of their work (95 %: ${rangeText(long.halt.kept, percent)}) against ${percent(long.block.kept.value)} blocked and ${percent(long.exit.kept.value)} exited; ` +
      `with 100 us ${percent(short.halt.kept.value)} against ${percent(short.block.kept.value)} and ${percent(short.exit.kept.value)}. The halt is ahead beyond the noise at ${gains.length === 0 ? 'no fetch latency' : gains.map(({ fetchNs }) => formatDuration(fetchNs)).join(', ')}; ` +
      `at 10 ms the faulting task goes on ${delay}`,
  };
}

/** When the faulting task of a halted vCPU goes on: a difference that the intervals do not tell apart is none. */
function delayWords(halt: Estimate, exit: Estimate): string {
  if (halt.low > exit.high) return `${formatDuration(halt.value - exit.value)} later than with exit and block, since the guest cannot know when its page came`;
  if (halt.high < exit.low) return `${formatDuration(exit.value - halt.value)} sooner than with exit and block`;
  return 'as soon as with exit and block, as far as the noise shows';
}

function plots(samples: readonly WaitSample[]): PlotData[] {
  const places = { x: LATENCIES_NS.map((fetchNs) => formatDuration(fetchNs)), xNs: LATENCIES_NS, xLabel: 'time to fetch a page', load: LOAD_NOTE };
  const line = (of: (figures: ArmFigures) => Estimate, scale: (value: number) => number): PlotLine[] =>
    ARMS.map(({ id, title }) => lineOf(id, LATENCIES_NS.map((fetchNs) => {
      const figures = figuresOf(samples, id, fetchNs);
      return figures === null ? null : of(figures);
    }), scale, title));
  return [
    { ...places, title: 'Work that the other tasks keep, by fetch latency', y: 'per cent of control', better: 'higher', lines: line(({ kept }) => kept, (share) => share * 100) },
    { ...places, title: 'First-access latency, by fetch latency', y: 'log10 of us', log10Of: 'us', better: 'lower', note: TURNS_NOTE, lines: line(({ latencyNs }) => latencyNs, log10Us) },
  ];
}
