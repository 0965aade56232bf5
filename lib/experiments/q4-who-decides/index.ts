/** Q4: who decides between sync and async, and when; what it costs to tell the guest and take it back. */
import { formatDuration } from '../../bench/index.js';
import { builtInPolicy } from '../../faults/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import type { Finding, Outcome, Row } from '../frame/report.js';
import { estimate, isNoise, median, type Estimate } from '../frame/statistics.js';
import { exploreFindings, type Explored } from '../exploration/explore-findings.js';
import { lacksForModes } from '../q1-spurious-pair/index.js';
import { measureRun, type MeasuredRun, type RunOptions } from '../workload/measured-run.js';
import { perRound, runRounds, type Trial } from '../workload/rounds.js';

/** When it is decided that the vCPU waits. */
export interface Moment {
  readonly id: 'before' | 'at-accept' | 'by-token';
  readonly title: string;
  readonly options: Omit<RunOptions, 'windowPages'>;
  /** Pairs of events that the guest takes for nothing, per page. */
  readonly pairsPerPage: 0 | 1;
}

const SYNC = builtInPolicy({ name: 'always-sync' });

/** Every page is waited for in all of them; they differ in when KVM knows. */
export const MOMENTS: readonly Moment[] = [
  { id: 'before', title: 'before the fault, by a second bit', options: { uapi: 'sync-async-2bit', mode: 'apf-user', policy: SYNC }, pairsPerPage: 0 },
  { id: 'at-accept', title: 'at the exit, by not accepting: re-entry completes (2026)', options: { uapi: 'async-pf-userfault-2026', mode: 'apf-user', policy: SYNC }, pairsPerPage: 1 },
  { id: 'by-token', title: 'at the exit, by completing before re-entry (2024)', options: { uapi: 'async-pf-user-2024', mode: 'apf-user', policy: SYNC }, pairsPerPage: 1 },
];

const FETCHES_NS = [0, 100e3] as const;
const PAGES = 400;
const ROUNDS = 10;
const LEAST_ROUNDS = 3;

interface Sample {
  readonly round: number;
  readonly moment: Moment;
  readonly fetchNs: number;
  readonly run: MeasuredRun;
}

/** See the module's comment. */
export const q4: Experiment = {
  id: 'q4',
  question: 'Who decides between sync and async, and when: before injection (a second bit), at ACCEPT, or by completing before re-entry? What does injection and then cancelling cost?',
  method: [
    'Every page is waited for, so that the three differ only in when KVM knows it: the guest is not told, or told and then told at once that the page is ready.',
    'Median first-access latency of a run, differences within rounds of alternating order; exploration says which orders of events each interface allows.',
  ],
  lacks: lacksForModes,
  inRounds: true,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const explored = await exploreFindings(context, 'q4');
  const samples: Sample[] = [];
  const trials = FETCHES_NS.flatMap((fetchNs) =>
    MOMENTS.map((moment): Trial<void> => ({
      title: `fetch ${formatDuration(fetchNs)}, ${moment.id}`,
      run: async (round): Promise<void> => {
        samples.push({ round, moment, fetchNs, run: await measureMoment(context, moment, fetchNs, context.samples(PAGES, 40)) });
      },
    })),
  );
  await runRounds(context, trials, { most: context.samples(ROUNDS, 2), least: context.samples(LEAST_ROUNDS, 2) });
  return conclude(explored, samples.filter(({ run: { result } }) => result.end === 'done'));
}

/** One run of a moment. */
export async function measureMoment(context: Pick<ExperimentContext, 'follow'>, moment: Moment, fetchNs: number, pages: number): Promise<MeasuredRun> {
  return measureRun(context, { ...moment.options, windowPages: pages, latencyNs: fetchNs, faultTasks: 1, workTasks: 1, controlTicks: 0 });
}

function conclude(explored: Explored, samples: readonly Sample[]): Outcome {
  return {
    finding: find(explored, samples),
    changedBy: [
      'Deciding before costs a bit of user space\'s own knowledge: who cannot know beforehand pays at the exit whatever the interface.',
      'An interface whose exit comes before the injection (user space answers, then KVM injects) would make cancelling free; it costs every async fault another entry.',
    ],
    notReproduced: ['KVM\'s own dequeue and its prefault of the gfn at re-entry; the model completes without touching the page tables.'],
    tables: [{ id: 'moments', title: 'When it is decided', rows: MOMENTS.flatMap((moment) => FETCHES_NS.map((fetchNs) => rowOf(samples, moment, fetchNs))) }, explored.table],
    plots: [],
    figures: [
      quoted('not-accepted', 'told and not accepted, more than deciding before', 'ns', extra(samples, 'at-accept')),
      quoted('by-token', 'told and completed before re-entry, more than deciding before', 'ns', extra(samples, 'by-token')),
    ],
    traces: explored.traces.slice(0, 1),
  };
}

/** What it costs over deciding before: one value a round. */
function extra(samples: readonly Sample[], id: Moment['id'], fetchNs?: number): Estimate {
  const fetches = fetchNs === undefined ? FETCHES_NS : [fetchNs];
  return estimate(
    perRound(samples, (ofRound) => {
      const latency = (of: Moment['id'], at: number): number => ofRound.find(({ moment, fetchNs: fetch }) => moment.id === of && fetch === at)?.run.latencyNs ?? NaN;
      return median(fetches.map((at) => latency(id, at) - latency('before', at)).filter(Number.isFinite));
    }),
  );
}

function rowOf(samples: readonly Sample[], moment: Moment, fetchNs: number): Row {
  const of = samples.filter((sample) => sample.moment === moment && sample.fetchNs === fetchNs);
  const cost = extra(samples, moment.id, fetchNs);
  const sum = (value: (run: MeasuredRun) => number): number => of.reduce((total, { run }) => total + value(run), 0);
  return {
    decided: moment.title,
    fetch: formatDuration(fetchNs),
    rounds: of.length,
    pages: sum(({ pages }) => pages),
    pairsForNothing: sum(({ notPresent }) => notPresent),
    autoCompleted: sum(({ result }) => result.vcpus.autoCompleted),
    latencyNs: of.length === 0 ? null : median(of.map(({ run }) => run.latencyNs)),
    cancellingNs: moment.id === 'before' || of.length === 0 ? null : Math.max(0, cost.value),
    switchesPerPage: of.length === 0 ? null : median(of.map(({ run }) => run.switchesPerPage)),
  };
}

function find(explored: Explored, samples: readonly Sample[]): Finding {
  const wrong = samples.find(({ moment, run }) => run.notPresent !== moment.pairsPerPage * run.pages || run.ready !== run.notPresent);
  if (wrong !== undefined) return { answered: false, why: `"${wrong.moment.title}" told the guest of ${wrong.run.notPresent} faults for ${wrong.run.pages} pages: it is not what it is to be` };
  if (explored.surprises.length > 0) return { answered: false, why: `these worlds came to something else than is known of them: ${explored.surprises.join(', ')}` };
  const [accept, token] = [extra(samples, 'at-accept'), extra(samples, 'by-token')];
  if (Math.min(accept.count, token.count) < 2) return { answered: false, why: 'fewer than two rounds were done: a longer --budget is needed' };
  const pairs = samples.reduce((total, { run }) => total + run.notPresent, 0);
  const range = ({ value, low, high, count }: Estimate): string => `${formatDuration(Math.max(0, value))} (95 %: ${rangeText({ low, high, count }, (ns) => formatDuration(Math.max(0, ns)))})`;
  if (isNoise(accept) || isNoise(token)) return { answered: false, why: `what cancelling costs (${range(accept)} and ${range(token)}) cannot be told from nothing in this run: the host is too noisy, or a longer --budget is needed` };
  return {
    answered: true,
    answer: 'deciding to wait before the guest is told costs it nothing; telling it and then taking that back costs it a pair of events, in whichever of the two ways it is taken back',
    verdict:
      `a decision before injection costs the guest nothing; injected and cancelled, a fault costs ${range(accept)} more by re-entry without ACCEPT and ${range(token)} by completing before re-entry, over ${pairs.toLocaleString('en-US')} cancelled pairs that the guest counted; ` +
      `re-entry without ACCEPT while the page is missing ${explored.failing.some((id) => id.startsWith('reentry-without-accept')) ? 'makes the guest go round for ever (explored)' : 'does no harm (explored)'}`,
  };
}
