/** Q14: snapshot and restore with async page faults in flight. */
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Finding, Outcome, Row } from '../frame/report.js';
import { countOf } from '../frame/words.js';
import { exploreFindings, exploreMistakes, type Explored } from '../exploration/explore-findings.js';
import { RESTORES, restoreOnce, type RestoreKind, type Restored } from './restore.js';

const TIMES = 8;

/** See the module's comment. */
export const q14: Experiment = {
  id: 'q14',
  question: 'Snapshot and restore with async page faults in flight: does the wake-all event that comes with the restored MSR get every task going again, and is a token lost?',
  method: [
    'Exploration of every point at which a small world can be saved and restored, under each proposal; and without the MSR being restored.',
    "Real runs with KVM's own async page faults: a guest whose task sleeps until it is woken, saved with its fault in flight, restored into a new VM with and without the MSR,",
    'or left in place with the MSR written again.',
  ],
  lacks: (kvm) => (kvm.checkExtension('ASYNC_PF') > 0 && kvm.checkExtension('ASYNC_PF_INT') > 0 && kvm.checkExtension('SPLIT_IRQCHIP') > 0 ? null : 'it takes async page faults of KVM (KVM_CAP_ASYNC_PF, KVM_CAP_ASYNC_PF_INT)'),
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const explored = await exploreFindings(context, 'q14');
  const mistakes = await exploreMistakes(context, 'async-pf-userfault-2026', ['msr-not-restored', 'rings-after-msr']);
  const restored: Restored[] = [];
  const kvm = Kvm.open();
  const kinds = Object.keys(RESTORES) as RestoreKind[];
  const total = kinds.length * context.samples(TIMES, 2);
  try {
    for (let turn = 0; turn < total; turn++) {
      if (context.interrupted() || (turn >= kinds.length && context.remainingMs() === 0)) break;
      const kind = kinds[turn % kinds.length];
      context.progress(RESTORES[kind], turn, total);
      restored.push(await restoreOnce(kvm, kind));
    }
  } finally {
    kvm.close();
  }
  return conclude(explored, mistakes, restored);
}

function conclude(explored: Explored, mistakes: Explored, restored: readonly Restored[]): Outcome {
  return {
    finding: find(explored, mistakes, restored),
    changedBy: [
      'A guest that forgets a ready event which came before its not-present event, or a VMM that saves a vCPU without its pending #PF, breaks the recovery: the exploration has both.',
      'Rings registered after the MSR is written meet EBUSY (the wake-all item counts as outstanding): register them first.',
    ],
    notReproduced: [
      'Outstanding faults of a proposal are not saved by any of them; the real runs use the async page faults that KVM has, which are not saved either.',
      'The local APIC of the new VM is a fresh one with its spurious vector set: KVM_GET_LAPIC is not copied.',
    ],
    tables: [explored.table, mistakes.table, { id: 'restores', title: 'Real restores with a fault in flight', rows: summarize(restored) }],
    plots: [],
    traces: mistakes.traces.slice(0, 1),
  };
}

function summarize(restored: readonly Restored[]): Row[] {
  return (Object.keys(RESTORES) as RestoreKind[]).map((kind) => {
    const of = restored.filter((one) => one.kind === kind);
    return {
      restore: RESTORES[kind],
      times: of.length,
      inFlight: of.filter(({ wasInFlight }) => wasInFlight).length,
      wakeAll: of.reduce((total, { wakeAll }) => total + wakeAll, 0),
      recovered: of.filter(({ recovered }) => recovered).length,
      end: [...new Set(of.map(({ end }) => end))].join(', ') || null,
    };
  });
}

function find(explored: Explored, mistakes: Explored, restored: readonly Restored[]): Finding {
  const surprises = [...explored.surprises, ...mistakes.surprises];
  if (surprises.length > 0) return { answered: false, why: `these worlds came to something else than is known of them: ${surprises.join(', ')}` };
  const inFlight = restored.filter(({ wasInFlight }) => wasInFlight);
  const count = (kind: RestoreKind): [recovered: number, of: number] => [inFlight.filter((one) => one.kind === kind && one.recovered).length, inFlight.filter((one) => one.kind === kind).length];
  const [recovered, withMsr] = count('new-vm');
  const [unwoken, withoutMsr] = count('new-vm-without-msr');
  const [inPlace, places] = count('in-place');
  if (withMsr === 0 || withoutMsr === 0) return { answered: false, why: `no fault was in flight when the guest was saved (${restored.length} tries), so that nothing was to be recovered` };
  const always = recovered === withMsr && inPlace === places;
  return {
    answered: true,
    answer: `after a restore the wake-all event, which comes with the MSR that enables async page faults, ${always ? 'gets every waiting task going again' : 'does not always get waiting tasks going again'}; where that MSR is left out ${unwoken === 0 ? 'none goes on' : unwoken === withoutMsr ? 'all go on all the same' : 'some go on all the same'}`,
    verdict:
      `wake-all on the restored MSR recovered ${recovered} of ${withMsr} saved guests in a new VM and ${inPlace} of ${places} in place; with the MSR left out ${unwoken} of ${withoutMsr}. ` +
      `The models agree: of ${countOf(explored.worlds, 'kind')} of worlds ${explored.sound.length} recover from every state (${explored.states.toLocaleString('en-US')} states), ${explored.failing.length} do not (${explored.failing.join(', ') || 'none'}), and each of ${countOf(mistakes.failing.length, 'mistake')} of a restore loses a wake-up`,
  };
}
