/** Scenario `history`: the same accident in three generations of the protocol, run until it is no accident. */
import { isCoded } from '../../errors/index.js';
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Outcome, TraceText } from '../frame/report.js';
import { renderTimeline } from '../frame/timeline.js';
import { unanswered } from '../frame/unanswered.js';
import { HISTORY_CASES, describeCase, type HistoryCase } from './generations.js';
import { HistoryGuest } from './guest.js';
import { NMI_PLACEMENTS, PLACEMENT_TITLES, type NmiPlacement } from './nmi-placement.js';
import { play, type PlayedRun } from './play.js';
import { countRuns, find, tableOf, type CaseResult } from './verdict.js';
import { nextTurn } from '../frame/next-turn.js';

const RUNS = 1000;
const LEAST_RUNS = 20;
/** Runs between two turns of the event loop; one is a few hundred microseconds. */
const RUNS_A_TURN = 16;

/** See the module's comment. */
export const history: Experiment = {
  id: 'history',
  question: 'An NMI comes in front of the first instruction of an event\'s handler, and its own handler takes a page fault: is the event lost?',
  method: [
    'The VMM plays the host of three generations: both events by #PF (2010), ready by interrupt (2020), not-present by #VE with its information area.',
    'A guest of two tasks and real handlers, which note what they find with its TSC; exceptions, interrupts and NMIs are delivered by KVM.',
    'Each scenario many times; an NMI that came anywhere else makes the answer void.',
  ],
  lacks: (kvm) => {
    const missing = (['X86_USER_SPACE_MSR', 'X86_MSR_FILTER', 'VCPU_EVENTS'] as const).filter((capability) => kvm.checkExtension(capability) === 0);
    return missing.length === 0 ? null : `${missing.map((capability) => `KVM_CAP_${capability}`).join(' and ')} is 0 here`;
  },
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const kvm = Kvm.open();
  try {
    const placement = await findPlacement(kvm);
    if (placement === null) return unanswered('no NMI can be made to come in front of the first instruction of a handler');
    const results: CaseResult[] = [];
    const traces: TraceText[] = [];
    for (const [done, scenario] of HISTORY_CASES.entries()) {
      if (isOver(context)) break;
      context.progress(describeCase(scenario), done, HISTORY_CASES.length);
      const { result, trace } = await playAll(kvm, scenario, placement, context);
      results.push(result);
      traces.push(trace);
    }
    return {
      finding: find(results, HISTORY_CASES.length),
      changedBy: [
        'A handler that reads reason and CR2 before anything can interrupt it would lose nothing; no x86 CPU has such a moment: an NMI may come in front of every first instruction.',
        'An NMI handler that takes no page fault, and meets no lost page, disturbs nobody.',
      ],
      notReproduced: [
        'No KVM of today delivers the events of 2010 (DELIVERY_AS_INT is a must), and none delivers #VE: the VMM writes the areas and injects the events, and KVM delivers them.',
        'The handlers are a few instructions that do what Linux of that generation did; Linux itself does not run.',
        `When the NMI comes is no accident here: ${PLACEMENT_TITLES[placement]}.`,
      ],
      tables: [tableOf(results)],
      plots: [],
      traces,
    };
  } finally {
    kvm.close();
  }
}

/** How an NMI is to be placed on this host; null where it cannot be. */
export async function findPlacement(kvm: Kvm): Promise<NmiPlacement | null> {
  const scenario: HistoryCase = { generation: 'apf-2010', half: 'not-present', disturbance: 'fault-in-nmi' };
  for (const placement of NMI_PLACEMENTS) {
    try {
      const { nmi } = await HistoryGuest.with(kvm, scenario.generation, scenario.disturbance, (guest) => play(guest, scenario, placement));
      if (nmi === 'first instruction') return placement;
    } catch (error) {
      // A way that this host does not have.
      if (!isCoded(error) || error.code !== 'HISTORY_BREAKPOINT') throw error;
    }
  }
  return null;
}

async function playAll(kvm: Kvm, scenario: HistoryCase, placement: NmiPlacement, context: ExperimentContext): Promise<{ readonly result: CaseResult; readonly trace: TraceText }> {
  return HistoryGuest.with(kvm, scenario.generation, scenario.disturbance, async (guest) => {
    const first = play(guest, scenario, placement);
    const runs: Pick<PlayedRun, 'survived' | 'nmi' | 'log'>[] = [first];
    const count = context.samples(RUNS, LEAST_RUNS);
    while (runs.length < count && !isOver(context)) {
      const { survived, nmi, log } = play(guest, scenario, placement);
      runs.push({ survived, nmi, log });
      if (runs.length % RUNS_A_TURN === 0) await nextTurn();
    }
    return { result: countRuns(scenario, runs), trace: { title: describeCase(scenario), text: renderTimeline(first.timeline, { tscKhz: guest.clock.tscKhz }) } };
  });
}

function isOver(context: ExperimentContext): boolean {
  return context.interrupted() || context.remainingMs() === 0;
}
