/** Scenario `delivery`: when a guest is told of a missing page, by KVM itself and by the rules of this project. */
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Outcome, TraceText } from '../frame/report.js';
import { renderTimeline } from '../frame/timeline.js';
import { TimingHelper } from '../helper/timing-helper.js';
import { DELIVERY_CASES } from './cases.js';
import { observe, type Observation } from './observe.js';
import { compare, find, reasonOf, tableOf, type StateResult } from './verdict.js';
import { nextTurn } from '../frame/next-turn.js';

const RUNS = 10;
const LEAST_RUNS = 2;

/** See the module's comment. */
export const delivery: Experiment = {
  id: 'delivery',
  question: 'In which states of its vCPU is a guest told that a page is not present, when does the vCPU halt or wait instead, and do the models agree?',
  method: [
    'KVM\'s own async page faults: a page behind userfaultfd, which another thread fills after 4 ms; the guest\'s handlers note every event.',
    'Told: a not-present event came. Halts: a worker of KVM\'s waited for the page, and the guest saw nothing. Waits: the vCPU\'s own thread did.',
    'Beside it what the model of a stock kernel decides, and what the VMM decides where it plays the host itself.',
  ],
  lacks: (kvm) => {
    const missing = (['ASYNC_PF', 'ASYNC_PF_INT', 'SPLIT_IRQCHIP', 'X86_DISABLE_EXITS'] as const).filter((capability) => kvm.checkExtension(capability) === 0);
    return missing.length === 0 ? null : `${missing.map((capability) => `KVM_CAP_${capability}`).join(' and ')} is 0 here`;
  },
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const kvm = Kvm.open();
  try {
    return await TimingHelper.with(async (helper) => {
      const count = context.samples(RUNS, LEAST_RUNS);
      const results: StateResult[] = [];
      const firsts: Observation[] = [];
      for (const [done, state] of DELIVERY_CASES.entries()) {
        context.progress(state.title, done, DELIVERY_CASES.length + 1);
        const runs: Observation[] = [];
        while (runs.length < count && !isOver(context)) {
          runs.push(await observe(kvm, helper, state));
          await nextTurn();
        }
        if (runs.length === 0) break;
        results.push({ state, runs });
        firsts.push(runs[0]);
      }
      const looking = isOver(context) ? null : await observe(kvm, helper, DELIVERY_CASES[0], 'looks first');
      return conclude(context, results, firsts, looking);
    });
  } finally {
    kvm.close();
  }
}

function conclude(context: ExperimentContext, results: readonly StateResult[], firsts: readonly Observation[], looking: Observation | null): Outcome {
  const differences = results.map((result) => compare(result));
  const trace = (title: string, { timeline, tscKhz }: Observation): TraceText => ({ title, text: renderTimeline(timeline, { tscKhz }) });
  // Those in which something is to be seen: the guest was told, or a rule says that it should have been.
  const shown = results.flatMap(({ state }, at) => {
    const { isOfModel, isOfVmm, kvm } = differences[at];
    return kvm === 'told' || isOfModel || isOfVmm ? [trace(state.title, firsts[at])] : [];
  });
  const reasons = new Set(differences.flatMap((difference) => reasonOf(difference, context.host) ?? []));
  return {
    finding: find(results, looking?.filledWithInterruptsOff ?? null),
    changedBy: [...reasons, 'A host that can have the page without sleeping tells nobody: every page here takes sleep.'],
    notReproduced: [
      'Nested guests, paging off, and more than 64 faults outstanding: the conformance suite has the last one.',
      'The VMM has no synthetic halt: where it does not tell the guest, its vCPU waits outside KVM_RUN.',
    ],
    tables: [tableOf(results)],
    plots: [],
    traces: [...shown, ...(looking === null ? [] : [trace('A handler that looks at the token word before it takes interrupts', looking)])],
  };
}

function isOver(context: ExperimentContext): boolean {
  return context.interrupted() || context.remainingMs() === 0;
}
