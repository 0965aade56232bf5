/** Q6: token or gpa as the key of a completion. */
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Finding, Outcome, Row } from '../frame/report.js';
import { countOf } from '../frame/words.js';
import { exploreFindings, type Explored } from '../exploration/explore-findings.js';
import { lacksForModes } from '../q1-spurious-pair/index.js';
import { measureRun, type MeasuredRun } from '../workload/measured-run.js';
import type { UapiName } from '../../uapi/proposals/index.js';

/** Proposals by what their completions name. */
export const KEYS: readonly { readonly uapi: UapiName; readonly key: string }[] = [
  { uapi: 'async-pf-user-2024', key: 'token' },
  { uapi: 'async-pf-userfault-2026', key: 'gpa' },
  { uapi: 'sync-async-2bit', key: 'gpa' },
];

const PAGES = 200;
const FETCH_NS = 1e6;

/** A run in which several vCPUs want every page at the same time. */
export interface SharedRun {
  readonly uapi: UapiName;
  readonly key: string;
  readonly vcpus: number;
  readonly run: MeasuredRun;
}

/** See the module's comment. */
export const q6: Experiment = {
  id: 'q6',
  question: 'Token or gpa as the key of a completion: what of duplicates across vCPUs, the same gfn on two vCPUs, and a READY that comes after its fault was cancelled?',
  method: [
    'Exploration of each proposal\'s model in worlds where a fault is cancelled and the page taken away again while its READY is on the way;',
    'and real runs in which every page is wanted by all vCPUs at the same time: faults that the guests were told of, distinct pages, completions without a fault.',
  ],
  lacks: lacksForModes,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const explored = await exploreFindings(context, 'q6');
  const runs: SharedRun[] = [];
  const plans = KEYS.flatMap((key) => [2, 4].map((vcpus) => ({ ...key, vcpus })));
  for (const [done, { uapi, key, vcpus }] of plans.entries()) {
    if (context.interrupted() || (runs.length > 0 && context.remainingMs() === 0)) break;
    context.progress(`${uapi}, ${vcpus} vCPUs on the same pages`, done, plans.length);
    runs.push({ uapi, key, vcpus, run: await measureShared(context, uapi, vcpus, context.samples(PAGES, 40)) });
  }
  return conclude(explored, runs);
}

/** One run in which every page is visited by as many tasks at once as there are vCPUs. */
export async function measureShared(context: Pick<ExperimentContext, 'follow'>, uapi: UapiName, vcpus: number, pages: number): Promise<MeasuredRun> {
  const order = Uint32Array.from({ length: pages * vcpus }, (_, at) => Math.floor(at / vcpus));
  return measureRun(context, { uapi, mode: 'apf-user', vcpus, windowPages: pages, order, latencyNs: FETCH_NS, faultTasks: 8, workTasks: 0, controlTicks: 0 });
}

/** Faults told of beyond one a page: items that need a completion of their own although the page was asked for already. */
export function duplicates({ run }: SharedRun): number {
  return run.notPresent - new Set(run.result.latencyCycles.keys()).size;
}

function conclude(explored: Explored, runs: readonly SharedRun[]): Outcome {
  return {
    finding: find(explored, runs),
    changedBy: [
      'A completion by gpa with the token beside it (or a generation) would refuse what is late, as the token alone does.',
      'A VMM that never takes a page away while a completion of it is on the way never sees the stale READY.',
    ],
    notReproduced: ['A stale READY in a real run: the guest here never turns its async page faults off. The exploration shows it on the same model that the runs use.'],
    tables: [explored.table, { id: 'runs', title: 'Every page wanted by all vCPUs at once', rows: runs.map(rowOf) }],
    plots: [],
    traces: explored.traces.slice(0, 1),
  };
}

function rowOf(shared: SharedRun): Row {
  const { uapi, key, vcpus, run } = shared;
  const { resolvers, readyStale } = run.result;
  return { uapi, key, vcpus, visits: run.pages, distinctPages: resolvers.pages, notPresent: run.notPresent, ready: run.ready, duplicates: duplicates(shared), refusedCompletions: readyStale };
}

function find(explored: Explored, runs: readonly SharedRun[]): Finding {
  if (explored.worlds === 0 || runs.length === 0) return { answered: false, why: 'it was ended before the exploration and one run were done' };
  if (explored.surprises.length > 0) return { answered: false, why: `these worlds came to something else than is known of them: ${explored.surprises.join(', ')}` };
  const lost = runs.filter(({ run }) => run.ready !== run.notPresent);
  if (lost.length > 0) return { answered: false, why: `in ${countOf(lost.length, 'run')} the guest was told of more faults than were completed` };
  const duplicated = runs.reduce((total, shared) => total + Math.max(0, duplicates(shared)), 0);
  if (duplicated === 0) return { answered: false, why: 'no page was told to two vCPUs: nothing was completed twice over, so that the runs say nothing of duplicates' };
  const byGpa = explored.failing.filter((id) => id.includes('by-gpa'));
  const byToken = explored.sound.filter((id) => id.includes('by-token'));
  return {
    answered: true,
    answer: `a READY that comes too late ${byGpa.length > 0 ? 'completes a later fault of the same page, whose data is missing,' : 'does no harm'} where it names the page by its address (gpa), and ${byToken.length > 0 ? 'is refused' : 'does harm'} where it names the fault by its token; a page that several vCPUs want is completed for each of them either way`,
    verdict:
      `a READY that comes after its fault was cancelled completes a later fault of the same page whose data is missing where the key is the gpa (${countOf(byGpa.length, 'world')}, ${byGpa.join(', ') || 'none'}), and is refused where it is the token ` +
      `(${countOf(byToken.length, 'world')}); ${explored.states.toLocaleString('en-US')} states explored. With both keys a page wanted by several vCPUs needs a completion for each: ${countOf(duplicated, 'duplicate')} in ${countOf(runs.length, 'real run')}, every one completed`,
  };
}
