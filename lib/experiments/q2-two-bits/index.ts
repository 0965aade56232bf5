/** Q2: one interception bit a gfn or two, with pages of two speeds. */
import { formatDuration } from '../../bench/index.js';
import { PageLatency, QUICK_CLASS, SLOW_CLASS } from '../../faults/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Outcome } from '../frame/report.js';
import { lacksForModes } from '../q1-spurious-pair/index.js';
import { FETCH_LATENCIES_NS, pagesFor } from '../workload/latency-sweep.js';
import { measureRun } from '../workload/measured-run.js';
import { median } from '../frame/statistics.js';
import { runRounds, type Trial } from '../workload/rounds.js';
import { ARMS, type Arm } from './arms.js';
import type { Sample } from './components.js';
import { conclude } from './verdict.js';

/** Shares of quick pages. */
export const QUICK_SHARES = [0, 0.25, 0.5, 0.75, 1] as const;
const ROUNDS = 16;
const SEED = 11;

/** A place of the sweep: what slow pages take, and how many of the pages are quick. */
export interface Place {
  readonly fetchNs: number;
  readonly quickShare: number;
}

/** Every place; where all pages are quick, what slow ones take says nothing. */
export const PLACES: readonly Place[] = [
  ...FETCH_LATENCIES_NS.filter((fetchNs) => fetchNs > 0).flatMap((fetchNs) => QUICK_SHARES.filter((share) => share < 1).map((quickShare) => ({ fetchNs, quickShare }))),
  { fetchNs: 0, quickShare: 1 },
];

/**
 * Where every component of a cost is measured, and nothing twice: half of the pages quick at each latency, and all of them. What little time there is goes into rounds of
 * these, which the intervals come from, one value a round; whole runs of other mixes only stand beside what is composed.
 */
const CORE: readonly Place[] = PLACES.filter(({ quickShare }) => quickShare === 0.5 || quickShare === 1);
/** Less than this is for {@link CORE}. */
const ALL_PLACES_MS = 150_000;

/** See the module's comment. */
export const q2: Experiment = {
  id: 'q2',
  question: 'One bit or two per gfn: with a share p of quick (local) and the rest slow (remote) pages, how much does a choice per gfn gain over all-async and all-sync?',
  method: [
    'The same guest as in Q1; quick pages come at once, slow ones after the fetch latency. All-sync; all-async; one bit with the choice made after the guest was told',
    '(the quick pages\' events are for nothing); two bits, where KVM knows before it tells the guest. What a page costs is put together from what each class of pages was measured',
    'to cost in each arm, round by round (medians over pages, 95 % intervals over the rounds); the work that whole runs lost stands beside it.',
  ],
  lacks: lacksForModes,
  inRounds: true,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const samples: Sample[] = [];
  // What every mix needs comes first, then the places that differ most: where time is short, a part of a round is an answer too.
  const trials = [...(context.remainingMs() < ALL_PLACES_MS ? CORE : PLACES)]
    .sort((a, b) => Number(b.quickShare === 1) - Number(a.quickShare === 1) || b.fetchNs - a.fetchNs)
    .flatMap((place) =>
      ARMS.map((arm): Trial<void> => ({
        title: `fetch ${formatDuration(place.fetchNs)}, ${place.quickShare * 100} % quick, ${arm.id}`,
        run: async (round): Promise<void> => {
          samples.push(await measurePlace(context, place, arm, pagesFor(place.fetchNs * (1 - place.quickShare)), round));
        },
      })),
    );
  await runRounds(context, trials, { most: context.samples(ROUNDS, 1), least: 2 });
  return conclude(samples.filter(({ run: { result } }) => result.end === 'done'));
}

/** One run of an arm. `round`: which one it belongs to. */
export async function measurePlace(context: Pick<ExperimentContext, 'follow'>, { fetchNs, quickShare }: Place, arm: Arm, pages: number, round = 0): Promise<Sample> {
  const quick = { share: quickShare, latencyNs: 0, seed: SEED };
  const run = await measureRun(context, { ...arm.options, faultTasks: 1, windowPages: pages, latencyNs: fetchNs, quick });
  const latency = new PageLatency(fetchNs, quick);
  const { latencyCycles, tscKhz } = run.result;
  const latenciesNs = (pageClass: number): number[] =>
    [...latencyCycles].flatMap((cycles, page) => (cycles > 0n && latency.classOf(page) === pageClass ? (Number(cycles) / tscKhz) * 1e6 : []));
  const [quickOnes, slowOnes] = [latenciesNs(QUICK_CLASS), latenciesNs(SLOW_CLASS)];
  return { round, fetchNs, quickShare, arm, run, quickPages: quickOnes.length, quickLatencyNs: median(quickOnes), slowLatencyNs: median(slowOnes) };
}
