/** Q1: what a spurious pair of async page fault events costs, and from which fetch time on async pays. */
import { formatDuration } from '../../bench/index.js';
import type { Kvm } from '../../kvm/index.js';
import { modeCapabilities } from '../../machine/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Outcome } from '../frame/report.js';
import { FETCH_LATENCIES_NS, pagesFor } from '../workload/latency-sweep.js';
import { measureRun, type MeasuredRun } from '../workload/measured-run.js';
import { runRounds, type Trial } from '../workload/rounds.js';
import { ARMS, type Arm } from './arms.js';
import { conclude, type Sample } from './verdict.js';

/** Most rounds; time ends them earlier. */
const ROUNDS = 12;

/** See the module's comment. */
export const q1: Experiment = {
  id: 'q1',
  question: 'What does a spurious async pair cost (not-present #PF and ready interrupt for a page that was resolved before re-entry), and from which fetch time on does async beat a synchronous exit?',
  method: [
    'The 2026 design over a guest with one task that visits pages and two that count; three arms at each fetch latency, in rounds of alternating order:',
    'the vCPU waits and the guest is not told; the guest is told and the vCPU waits all the same (the spurious pair); the guest is told and goes on.',
    'The pair: difference of the first-access latencies (median over the pages of a run). Cost of a page: vCPU time that the counting tasks did not get. 95 % intervals over the rounds.',
  ],
  lacks: lacksForModes,
  inRounds: true,
  run,
};

/** What the modes of this experiment need and this KVM lacks; null for nothing. */
export function lacksForModes(kvm: Kvm): string | null {
  try {
    kvm.requireCapabilities(modeCapabilities('apf-user'));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function run(context: ExperimentContext): Promise<Outcome> {
  const samples: Sample[] = [];
  const trials = FETCH_LATENCIES_NS.flatMap((fetchNs) =>
    ARMS.map((arm): Trial<void> => ({
      title: `fetch ${formatDuration(fetchNs)}, ${arm.id}`,
      run: async (round): Promise<void> => {
        samples.push({ round, fetchNs, arm, run: await measureArm(context, arm, fetchNs, pagesFor(fetchNs)) });
      },
    })),
  );
  await runRounds(context, trials, { most: context.samples(ROUNDS, 2), least: 2 });
  return conclude(samples.filter(({ run: { result } }) => result.end === 'done'));
}

/** One run of an arm. */
export async function measureArm(context: Pick<ExperimentContext, 'follow'>, arm: Arm, fetchNs: number, pages: number): Promise<MeasuredRun> {
  return measureRun(context, { ...arm.options, faultTasks: 1, windowPages: pages, latencyNs: fetchNs });
}
