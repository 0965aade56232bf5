/** Whole runs of a guest whose vCPUs wait in different ways: what the work tasks get done meanwhile, and how soon the faulting task goes on. */
import { formatDuration } from '../../bench/index.js';
import type { ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import type { QuotedFigure, Row } from '../frame/report.js';
import { estimate, median, type Estimate } from '../frame/statistics.js';
import { pagesFor } from '../workload/latency-sweep.js';
import { measureRun, type MeasuredRun, type RunOptions } from '../workload/measured-run.js';
import { UNDISTURBED, bestWorkRate, pageCostNs } from '../workload/page-cost.js';
import { runRounds, type Trial } from '../workload/rounds.js';

/** A way to wait. */
export interface WaitArm {
  readonly id: 'told' | 'halt' | 'block' | 'exit';
  readonly title: string;
  readonly options: Omit<RunOptions, 'windowPages'>;
}

/** See the module's comment. All but the first leave the guest unaware. */
export const WAIT_ARMS: readonly WaitArm[] = [
  { id: 'told', title: 'the guest is told and goes on', options: { mode: 'apf-kernel' } },
  { id: 'halt', title: 'synthetic halt: the vCPU takes interrupts', options: { mode: 'sync-uffd', syntheticHalt: true } },
  { id: 'block', title: "the vCPU's thread blocks in the kernel", options: { mode: 'sync-uffd' } },
  { id: 'exit', title: 'exit, and the VMM blocks', options: { mode: 'sync-exit' } },
];

/** Fetch latencies of the sweep, ns. */
export const WAIT_LATENCIES_NS = [100e3, 1e6, 10e6] as const;

/** Of a run, where an instruction takes many times as long. */
const LEAST_PAGES = 12;

/** One run. */
export interface WaitSample {
  readonly round: number;
  readonly arm: WaitArm;
  readonly fetchNs: number;
  readonly run: MeasuredRun;
}

/** One run of an arm: one task that faults, two that count. */
export async function measureWaitArm(context: Pick<ExperimentContext, 'follow'>, arm: WaitArm, fetchNs: number, pages: number): Promise<MeasuredRun> {
  return measureRun(context, { ...arm.options, faultTasks: 1, windowPages: pages, latencyNs: fetchNs });
}

/** Runs the arms in rounds, as many as time allows. `others`: what every round does besides. */
export async function measureWaitArms(context: ExperimentContext, arms: readonly WaitArm[], latenciesNs: readonly number[], rounds: number, others: readonly Trial<void>[] = []): Promise<WaitSample[]> {
  const samples: WaitSample[] = [];
  const trials = latenciesNs.flatMap((fetchNs) =>
    arms.map((arm): Trial<void> => ({
      title: `fetch ${formatDuration(fetchNs)}, ${arm.id}`,
      run: async (round): Promise<void> => {
        samples.push({ round, arm, fetchNs, run: await measureWaitArm(context, arm, fetchNs, context.samples(pagesFor(fetchNs), LEAST_PAGES)) });
      },
    })),
  );
  await runRounds(context, [...others, ...trials], { most: context.samples(rounds, 2), least: 2 });
  return samples.filter(({ run: { result } }) => result.end === 'done');
}

/** Threads that ran vCPUs and waited in userfaultfd, of all that did; a share. */
function blockedShare({ result: { resolvers } }: MeasuredRun): number {
  return resolvers.faults === 0 ? 0 : resolvers.vcpuFaults / resolvers.faults;
}

/** What a run has that its arm does not mean, as a sentence; null where it is what it is to be. */
export function deviation({ arm, run }: WaitSample): string | null {
  const wrong = (what: string): string => `the arm "${arm.title}" ${what}: it is not what it is to be`;
  const expected = arm.id === 'told' ? run.pages : 0;
  if (run.notPresent !== expected) return wrong(`told the guest of ${run.notPresent} faults of ${run.pages} pages`);
  if (arm.id === 'halt' && blockedShare(run) > 0.1) return wrong(`blocked the vCPU's thread for ${(blockedShare(run) * 100).toFixed(0)} % of its faults`);
  if (arm.id === 'block' && blockedShare(run) < 1) return wrong(`left ${((1 - blockedShare(run)) * 100).toFixed(0)} % of its faults to a worker of KVM`);
  if (arm.id === 'exit' && run.result.vcpus.syncWaits < run.pages) return wrong(`waited for ${run.result.vcpus.syncWaits} of ${run.pages} pages outside KVM_RUN`);
  return null;
}

/** What the samples say of one arm at one latency; costs and work of the runs that others on the host disturbed least. */
export interface ArmFigures {
  readonly runs: number;
  /** vCPU time that a page took from the work tasks. */
  readonly costNs: Estimate;
  /** Work done while pages were on their way, of what could have been done without faults. */
  readonly kept: Estimate;
  /** From the access to its end, as the guest saw it. */
  readonly latencyNs: Estimate;
}

/** Figures of an arm; null where it was not run at this latency. */
export function figuresOf(samples: readonly WaitSample[], id: WaitArm['id'], fetchNs: number): ArmFigures | null {
  const own = samples.filter((sample) => sample.arm.id === id && sample.fetchNs === fetchNs);
  // A round has its own rate of work: the best of all of them would be a figure that all runs share, and grow with their number.
  const runs = own.flatMap(({ run, round }) => {
    const rate = bestWorkRate(samples.filter((sample) => sample.round === round).map((sample) => sample.run));
    return rate === null ? [] : [{ run, rate }];
  });
  if (runs.length === 0) return null;
  return {
    runs: runs.length,
    costNs: estimate(runs.map(({ run, rate }) => pageCostNs(run, rate)), UNDISTURBED),
    kept: upToAll(estimate(runs.map(({ run: { work, vcpuNs }, rate }) => Math.min(1, work / (vcpuNs * rate))), 1 - UNDISTURBED)),
    latencyNs: estimate(runs.map(({ run: { latencyNs } }) => latencyNs)),
  };
}

/** A share's interval ends at all of it, as the share does; of one run it is not known. */
function upToAll(share: Estimate): Estimate {
  return share.count < 2 ? share : { ...share, low: Math.max(0, share.low), high: Math.min(1, share.high) };
}

/** A row for each arm at each latency. */
export function waitRows(samples: readonly WaitSample[], arms: readonly WaitArm[], latenciesNs: readonly number[]): Row[] {
  return latenciesNs.flatMap((fetchNs) =>
    arms.flatMap((arm): Row[] => {
      const figures = figuresOf(samples, arm.id, fetchNs);
      if (figures === null) return [];
      const { runs, costNs, kept, latencyNs } = figures;
      return [{
        fetch: formatDuration(fetchNs), way: arm.title, runs, workKeptShare: kept.value, keptRange: rangeText(kept, percent),
        costPerPageNs: costNs.value, costRange: rangeText(costNs, formatDuration), firstAccessNs: latencyNs.value,
        switchesPerPage: median(samples.filter((sample) => sample.arm === arm && sample.fetchNs === fetchNs).map(({ run }) => run.switchesPerPage)),
      }];
    }),
  );
}

/** Latency and work of each arm at each latency. */
export function waitFigures(samples: readonly WaitSample[], arms: readonly WaitArm[], latenciesNs: readonly number[]): QuotedFigure[] {
  return latenciesNs.flatMap((fetchNs) =>
    arms.flatMap(({ id, title }) => {
      const figures = figuresOf(samples, id, fetchNs);
      if (figures === null) return [];
      const where = `${title}, fetch ${formatDuration(fetchNs)}`;
      return [quoted(`kept/${id}/${fetchNs}`, `work kept: ${where}`, 'share', figures.kept), quoted(`latency/${id}/${fetchNs}`, `first access: ${where}`, 'ns', figures.latencyNs)];
    }),
  );
}

/** Every run, for programs. */
export function waitDetail(samples: readonly WaitSample[]): Row[] {
  return samples.map(({ arm, fetchNs, run }) => ({
    fetchNs, arm: arm.id, pages: run.pages, vcpuNs: run.vcpuNs, work: run.work, workPerNanosecond: run.workPerNs, latencyNs: run.latencyNs, notPresent: run.notPresent,
    blockedShare: blockedShare(run), syncWaits: run.result.vcpus.syncWaits, switchesPerPage: run.switchesPerPage,
  }));
}

/** A share for a sentence. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)} %`;
}
