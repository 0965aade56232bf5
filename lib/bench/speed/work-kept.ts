/** What is left of the guest's work while pages are on their way: against no faults, and one mode against another. */
import type { DeliveryMode, MachineOptions, MachineResult, TraceOptions } from '../../machine/index.js';
import { vcpuAccountOf, type VcpuAccount } from '../account/index.js';
import { workCost, type WorkCost } from '../cost.js';
import { parseLatencyModel } from '../latency-option.js';
import { estimate, median } from '../statistics.js';
import { judge, type SpeedFigure, type SpeedFigureName } from './figures.js';
import type { SideOptions } from './sides.js';
import { runZeroLoad, zeroLoad } from './zero-load.js';

/** Names of the figures that are measured here. */
export const WORK_FIGURE_NAMES = ['kept-apf-user', 'kept-apf-kernel', 'against-uffd'] as const satisfies readonly SpeedFigureName[];
/** A name of {@link WORK_FIGURE_NAMES}. */
export type WorkFigureName = (typeof WORK_FIGURE_NAMES)[number];

interface WorkLoad {
  readonly mode: DeliveryMode;
  readonly faultTasks: number;
  readonly workTasks: number;
  readonly latencyNs: number;
  readonly model: string;
  readonly pages: number;
}

const KEPT = { faultTasks: 8, workTasks: 2, latencyNs: 1e6, model: 'constant', pages: 3000 } as const;
/** Reads from swap take a millisecond or two, now and then much longer. */
const SWAP = { faultTasks: 4, workTasks: 4, latencyNs: 1.5e6, model: 'exponential', pages: 1000 } as const;

/** The runs of each figure, in the order of a round. */
const LOADS: Readonly<Record<WorkFigureName, readonly WorkLoad[]>> = {
  'kept-apf-user': [{ mode: 'apf-user', ...KEPT }],
  'kept-apf-kernel': [{ mode: 'apf-kernel', ...KEPT }],
  'against-uffd': [{ mode: 'apf-user', ...SWAP }, { mode: 'sync-uffd', ...SWAP }],
};

/** 400 ms, before and after. */
const CONTROL_TICKS = 100;

/** Where the time of the vCPU went in one run. */
export interface VcpuTime {
  readonly figure: WorkFigureName;
  readonly mode: DeliveryMode;
  readonly account: VcpuAccount;
}

/** What was measured. */
export interface WorkMeasurement {
  readonly figures: readonly SpeedFigure[];
  /** Of one more run of each load, with time stamps; fewer where a run left no account, none where the measurement was ended. */
  readonly vcpuTimes: readonly VcpuTime[];
}

/** How to run. */
export interface WorkOptions {
  readonly figures: readonly WorkFigureName[];
  readonly rounds: number;
  readonly tickNs: number;
  readonly cpus: SideOptions['cpus'];
  /** Told before each run; true ends the measurement with what there is. */
  readonly progress: (done: number, total: number, what: string) => boolean;
}

/**
 * Measures the figures round by round; the order of the runs turns round with each. Then each load once more, for its account.
 * @throws FaultLabError what a machine throws; `SPEED_INTEGRITY`
 */
export async function measureWork(options: WorkOptions): Promise<WorkMeasurement> {
  const { figures, rounds, progress } = options;
  const costs = new Map<WorkFigureName, WorkCost[][]>(figures.map((name) => [name, LOADS[name].map(() => [])]));
  const round = figures.flatMap((name) => LOADS[name].map((load, at) => ({ name, load, at })));
  const runs = Array.from({ length: rounds }, (_, turn) => (turn % 2 === 0 ? round : [...round].reverse())).flat();
  const steps = runs.length + round.length;
  let interrupted = false;
  for (const [done, { name, load, at }] of runs.entries()) {
    interrupted = progress(done, steps, `${name}, ${load.mode}`);
    if (interrupted) break;
    const { guest, tscKhz } = await runLoad(load, options);
    costs.get(name)?.[at].push(workCost(guest, tscKhz));
  }
  const vcpuTimes: VcpuTime[] = [];
  for (const [done, { name, load }] of round.entries()) {
    interrupted ||= progress(runs.length + done, steps, `${name}, ${load.mode}, with time stamps`);
    if (interrupted) break;
    const account = vcpuAccountOf(load.mode, await runLoad(load, options, { stamps: true, trace: traceOf(load) }));
    if (account !== null) vcpuTimes.push({ figure: name, mode: load.mode, account });
  }
  const judged = figures.flatMap((name) => {
    const [first, second] = costs.get(name) ?? [];
    if (name !== 'against-uffd') return first.length === 0 ? [] : [kept(name, first)];
    return second.length === 0 || first.length === 0 ? [] : [against(first, second)];
  });
  return { figures: judged, vcpuTimes };
}

async function runLoad({ mode, faultTasks, workTasks, latencyNs, model, pages }: WorkLoad, { tickNs, cpus }: WorkOptions, recording: Pick<MachineOptions, 'stamps' | 'trace'> = {}): Promise<MachineResult> {
  return runZeroLoad(zeroLoad(pages), {
    mode,
    faultTasks,
    workTasks,
    latencyNs,
    latencyModel: parseLatencyModel(model),
    tickNs,
    controlTicks: CONTROL_TICKS,
    ...(cpus === null ? {} : { placement: { vcpus: [[cpus.vcpu]], resolvers: [[cpus.resolver]] } }),
    ...recording,
  });
}

/** Each fault interrupts work twice, and ticks and the host's own interrupts do. A handler takes longer than the gap even where CPL0 runs natively. */
function traceOf({ pages }: WorkLoad): TraceOptions {
  return { records: 1, spans: 4 * pages + 10_000, gapCycles: 1000 };
}

/** Of the time that the guest's own handlers leave. On a host that emulates CPL0 they take most of it. */
function kept(name: WorkFigureName, costs: readonly WorkCost[]): SpeedFigure {
  const relative = costs.map((cost) => cost.relative ?? 0);
  const share = costs.map(({ guestKernelShare }) => guestKernelShare ?? 0);
  const percent = (values: readonly number[]): string => `${(median(values) * 100).toFixed(1)} %`;
  return judge(name, estimate(relative.map((value, at) => value / Math.max(Number.EPSILON, 1 - share[at]))), [
    `8 fault and 2 work tasks, 1 ms: ${percent(relative)} of the work without faults; the guest's own handlers and the way into and out of them took ${percent(share)} of the time`,
    ...drift(costs),
  ]);
}

function against(apf: readonly WorkCost[], uffd: readonly WorkCost[]): SpeedFigure {
  const pairs = Math.min(apf.length, uffd.length);
  const share = median(apf.map(({ guestKernelShare }) => guestKernelShare ?? 0));
  return judge('against-uffd', estimate(Array.from({ length: pairs }, (_, at) => apf[at].pagingPerSecond / uffd[at].pagingPerSecond)), [
    `4 fault and 4 work tasks, the same pages, ${SWAP.latencyNs / 1e6} ms exponential: of the work without faults apf-user keeps ${(median(apf.map(({ relative }) => relative ?? 0)) * 100).toFixed(1)} %, ` +
      `sync-uffd ${(median(uffd.map(({ relative }) => relative ?? 0)) * 100).toFixed(1)} %; in apf-user the guest's own handlers took ${(share * 100).toFixed(1)} % of the time`,
    ...drift([...apf, ...uffd]),
  ]);
}

const NOISY_DRIFT = 0.15;

function drift(costs: readonly WorkCost[]): string[] {
  const noisy = costs.filter(({ controlDrift }) => controlDrift !== null && Math.abs(controlDrift - 1) > NOISY_DRIFT).length;
  return noisy === 0 ? [] : [`in ${noisy} of ${costs.length} runs work without faults ran more than ${NOISY_DRIFT * 100} % faster or slower after than before: this host was busy with other things`];
}
