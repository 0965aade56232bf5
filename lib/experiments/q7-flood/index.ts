/** Q7: the limit of 64 outstanding faults and a full ring, under flood. */
import { formatDuration } from '../../bench/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Finding, Outcome, Row } from '../frame/report.js';
import { countOf } from '../frame/words.js';
import { quantile } from '../frame/statistics.js';
import { exploreFindings, type Explored } from '../exploration/explore-findings.js';
import { lacksForModes } from '../q1-spurious-pair/index.js';
import { measureRun, type MeasuredRun } from '../workload/measured-run.js';

const UAPI = 'async-pf-userfault-2026';
const PAGES = 600;
/** All tasks that a vCPU of the guest can have: as many faults at once as there can be. */
const TASKS = 64;
/** KVM's limit, which so many tasks reach and cannot pass; and smaller ones, which they do. */
const LIMITS = [64, 32, 8] as const;
/** A ring that is full as soon as its handler lags at all. */
const SMALL_RING = 1;

/** A flood. */
export interface Flood {
  readonly mode: 'apf-user' | 'apf-exitless';
  readonly vcpus: number;
  readonly fetchNs: number;
  /** Most async page faults outstanding on a vCPU. */
  readonly limit: number;
  /** Entries of a ring. */
  readonly ringEntries: number;
}

interface Sample extends Flood {
  readonly run: MeasuredRun;
}

/** Every flood. */
export const FLOODS: readonly Flood[] = [
  ...(['apf-user', 'apf-exitless'] as const).flatMap((mode) => LIMITS.flatMap((limit) => [1, 4].flatMap((vcpus) => (limit === 64 ? [0, 1e6, 10e6] : [1e6]).map((fetchNs) => ({ mode, vcpus, fetchNs, limit, ringEntries: limit }))))),
  ...[1, 4].map((vcpus) => ({ mode: 'apf-exitless' as const, vcpus, fetchNs: 1e6, limit: 64, ringEntries: SMALL_RING })),
];

/** See the module's comment. */
export const q7: Experiment = {
  id: 'q7',
  question: 'The limit of 64 outstanding faults and the fallback when a ring is full: fairness, lost wake-ups and dequeueing under a flood (as hotplug or a fork storm makes)?',
  method: [
    'The 2026 design, 64 tasks on each vCPU that do nothing but fault, by exits and by rings; no task counts, so that all of a vCPU is flood. With the limit of 64 they reach it and',
    'cannot pass it; so the emulation is also given queues and rings of 32 and of 8, past which a fault has to be waited for, and a ring of one entry, behind which a handler can lag.',
    'Faults refused for the limit, faults that found the ring full, faults told of and completed, by vCPU; exploration of small worlds with a queue of one and a ring of one.',
  ],
  lacks: lacksForModes,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const explored = await exploreFindings(context, 'q7');
  const samples: Sample[] = [];
  for (let round = 0; round < 3 && (round === 0 || context.remainingMs() > 0); round++) {
    for (const [done, flood] of FLOODS.entries()) {
      if (context.interrupted() || (context.remainingMs() === 0 && samples.length >= FLOODS.length)) return conclude(explored, samples);
      context.progress(`round ${round + 1}: ${flood.mode}, limit ${flood.limit}, ring ${flood.ringEntries}, ${countOf(flood.vcpus, 'vCPU')}, fetch ${formatDuration(flood.fetchNs)}`, done, FLOODS.length);
      samples.push({ ...flood, run: await measureFlood(context, flood, context.samples(PAGES, 200)) });
    }
  }
  return conclude(explored, samples);
}

/** One run. */
export async function measureFlood(context: Pick<ExperimentContext, 'follow'>, { mode, vcpus, fetchNs, limit, ringEntries }: Flood, pages: number): Promise<MeasuredRun> {
  const uapiLimits = { outstanding: limit, ringEntries };
  return measureRun(context, { uapi: UAPI, implementation: 'emulated', uapiLimits, mode, vcpus, windowPages: pages, latencyNs: fetchNs, faultTasks: TASKS, workTasks: 0, controlTicks: 0 });
}

function conclude(explored: Explored, samples: readonly Sample[]): Outcome {
  return {
    finding: find(explored, samples),
    changedBy: [
      'A handler that is slower than the one here: a ring as large as the limit is full only when it lags while faults complete.',
    ],
    notReproduced: [
      "How long KVM holds its lock while it dequeues: the model's lock is another one.",
      'More than 64 tasks a vCPU: what lies past the limit is seen with smaller limits.',
      'Memory hotplug of a guest: the flood is of ordinary accesses.',
    ],
    tables: [{ id: 'floods', title: `${TASKS} faulting tasks on each vCPU`, rows: FLOODS.flatMap((flood) => rowOf(flood, samples)) }, explored.table],
    plots: [],
    traces: explored.traces.slice(0, 1),
  };
}

/** Pages of the vCPU that got most over pages of the one that got least. */
function unfairness({ result: { guest } }: MeasuredRun): number {
  const pages = guest.map((vcpu) => vcpu.pages);
  return Math.max(...pages) / Math.max(1, Math.min(...pages));
}

function rowOf(flood: Flood, samples: readonly Sample[]): Row[] {
  const runs = samples.filter((sample) => (['mode', 'vcpus', 'fetchNs', 'limit', 'ringEntries'] as const).every((key) => sample[key] === flood[key])).map(({ run }) => run);
  if (runs.length === 0) return [];
  const sum = (value: (run: MeasuredRun) => number): number => runs.reduce((total, run) => total + value(run), 0);
  const latencies = runs.flatMap(({ result }) => [...result.latencyCycles].filter((cycles) => cycles > 0n).map((cycles) => (Number(cycles) / result.tscKhz) * 1e6));
  return [{
    mode: flood.mode,
    limit: flood.limit,
    ringEntries: flood.mode === 'apf-exitless' ? flood.ringEntries : null,
    vcpus: flood.vcpus,
    fetch: formatDuration(flood.fetchNs),
    pages: sum(({ pages }) => pages),
    notPresent: sum(({ notPresent }) => notPresent),
    ready: sum(({ ready }) => ready),
    refusedForTheLimit: sum(({ result }) => result.vcpus.refusedAsync),
    ringFull: sum(({ result }) => result.vcpus.ringFull),
    halts: sum(({ result }) => result.vcpus.halts),
    mostOverLeastRatio: Math.max(...runs.map(unfairness)),
    latencyP50Ns: quantile(latencies, 0.5),
    latencyP99Ns: quantile(latencies, 0.99),
  }];
}

function find(explored: Explored, samples: readonly Sample[]): Finding {
  if (explored.surprises.length > 0) return { answered: false, why: `these worlds came to something else than is known of them: ${explored.surprises.join(', ')}` };
  if (samples.length === 0) return { answered: false, why: 'it was ended before a flood was made' };
  const sum = (value: (run: MeasuredRun) => number): number => samples.reduce((total, { run }) => total + value(run), 0);
  const lost = samples.filter(({ run }) => run.notPresent !== run.ready).length;
  const refused = sum(({ result }) => result.vcpus.refusedAsync);
  const full = sum(({ result }) => result.vcpus.ringFull);
  const faults = sum(({ notPresent }) => notPresent);
  const worst = Math.max(...samples.map(({ run }) => unfairness(run)));
  const limits = `${refused.toLocaleString('en-US')} faults were refused for the limit and waited for instead, ${full.toLocaleString('en-US')} found the ring full and exited`;
  const atFull = samples.filter(({ limit }) => limit === TASKS);
  const refusedAtFull = atFull.reduce((total, { run }) => total + run.result.vcpus.refusedAsync, 0);
  const unreached = refused + full === 0 ? '; no limit was passed by real runs, so that what happens there is from exploration alone' : `; with KVM's own limit of ${TASKS} and as many tasks ${refusedAtFull.toLocaleString('en-US')} were refused`;
  return {
    answered: true,
    answer: `${lost === 0 ? 'no wake-up is lost' : 'wake-ups are lost'} under a flood of faults; a VMM that finds a ring full and enters the guest again without ACCEPT ${explored.failing.length > 0 ? 'makes it go round for ever' : 'does it no harm'}`,
    verdict:
      `${lost === 0 ? 'no wake-up was lost' : `wake-ups were lost in ${countOf(lost, 'run')}`}: ${faults.toLocaleString('en-US')} faults told of in ${countOf(samples.length, 'flood')} were completed; ${limits}${unreached}; ` +
      `the busiest vCPU of a flood got up to ${worst.toFixed(2)} times the pages of the idlest; a VMM that re-enters without ACCEPT when the ring is full makes the guest go round for ever (${explored.failing.length} of ${explored.worlds} explored worlds)`,
  };
}
