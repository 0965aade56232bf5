/** One run of a machine, from cold, and what it cost the guest. */
import { kernelCost, pagingSeconds, type KernelCost } from '../../bench/index.js';
import { FaultLabError } from '../../errors/index.js';
import { Machine, type MachineOptions, type MachineResult } from '../../machine/index.js';
import type { ExperimentContext } from '../frame/experiment.js';
import { median } from '../frame/statistics.js';
import { NUMBERED_PAGES, numberedSums } from './numbered-pages.js';

/** What an arm of an experiment varies. */
export type RunOptions = Pick<MachineOptions, 'mode'> & Partial<Omit<MachineOptions, 'source' | 'expected'>> & { readonly windowPages: number };

/** A run in figures. Counts are sums over vCPUs and resolvers. */
export interface MeasuredRun {
  readonly result: MachineResult;
  readonly pages: number;
  readonly pagingNs: number;
  readonly pagesPerSecond: number;
  /** Time that the vCPUs spent while pages were on their way, ns, all together. */
  readonly vcpuNs: number;
  /** Units that work tasks did meanwhile. */
  readonly work: number;
  /** Units of work per ns of a vCPU while nothing else was to be done, the better of the two control phases; null where there was none. */
  readonly workPerNs: number | null;
  /** Median of the pages' first-access latencies as the guest saw them, ns: one preempted page does not move it. */
  readonly latencyNs: number;
  /** Task switches of the guest per page. */
  readonly switchesPerPage: number;
  readonly notPresent: number;
  readonly ready: number;
  readonly kernel: KernelCost;
}

/** Tick of the guest's scheduler, ns. */
export const TICK_NS = 1e6;
/** Control phases: long enough for some ticks on either side. */
const CONTROL_TICKS = 24;

/** What waits of a tick or longer come to where work tasks take turns with the one that faults (`scheduler_tick()` of the guest). */
export const TURNS_NOTE =
  "A fetch of 1 ms or longer takes longer than the fetch: the guest's tick (1 ms) falls due while the vCPU waits, so that its scheduler next gives each of the two working tasks a tick of its own, and only then the faulting one its turn. That is up to 2 ms more, in whichever way the vCPU waits; a task that was put to sleep and is woken comes first.";

/** The load of most whole runs. */
export const LOAD_NOTE = 'The load is one task that faults and two that work on one vCPU, and not that of a bench: figures of the two are not to be compared.';

/**
 * Runs a machine and takes it apart again; every page that the guest read is compared with what its source gave.
 * @throws FaultLabError: what the machine throws; `EXPERIMENT_INTEGRITY` for a page that differs
 */
export async function measureRun(context: Pick<ExperimentContext, 'follow'>, options: RunOptions): Promise<MeasuredRun> {
  const expected = numberedSums(options.windowPages);
  const machine = await Machine.create({ tickNs: TICK_NS, controlTicks: CONTROL_TICKS, faultTasks: 8, workTasks: 2, ...options, source: NUMBERED_PAGES, expected });
  try {
    context.follow(machine);
    const result = await machine.run();
    return summarize(result);
  } finally {
    context.follow(null);
    await machine.close();
  }
}

function summarize(result: MachineResult): MeasuredRun {
  const { guest, tscKhz } = result;
  const sum = (value: (vcpu: MachineResult['guest'][number]) => number): number => guest.reduce((total, vcpu) => total + value(vcpu), 0);
  const mismatches = sum(({ mismatches: wrong }) => wrong);
  if (mismatches > 0) throw new FaultLabError('EXPERIMENT_INTEGRITY', `the guest read ${mismatches} pages that differ from what their source gave`);
  const pages = sum(({ pages: visited }) => visited);
  const pagingNs = pagingSeconds(guest, tscKhz) * 1e9;
  const toNs = 1e6 / tscKhz;
  const vcpuNs = sum(({ paging }) => paging.tscCycles) * toNs;
  const rates = [sum((vcpu) => vcpu.controlBefore.work) / (sum((vcpu) => vcpu.controlBefore.tscCycles) * toNs), sum((vcpu) => vcpu.controlAfter.work) / (sum((vcpu) => vcpu.controlAfter.tscCycles) * toNs)].filter((rate) => Number.isFinite(rate) && rate > 0);
  return {
    result,
    pages,
    pagingNs,
    pagesPerSecond: pagingNs === 0 ? 0 : (pages / pagingNs) * 1e9,
    vcpuNs,
    work: sum(({ paging }) => paging.work),
    workPerNs: rates.length === 0 ? null : Math.max(...rates),
    latencyNs: median([...result.latencyCycles].filter((cycles) => cycles > 0n).map((cycles) => Number(cycles) * toNs)),
    switchesPerPage: pages === 0 ? 0 : sum(({ switches }) => switches) / pages,
    notPresent: sum((vcpu) => vcpu.notPresent),
    ready: sum((vcpu) => vcpu.ready),
    kernel: kernelCost(guest, tscKhz),
  };
}
