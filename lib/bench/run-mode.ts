/** One run of one row of a workload, from a cold machine to its report. */
import { describeError, isCoded } from '../errors/index.js';
import type { GuestVcpuReport } from '../guest/index.js';
import { Machine, type DeliveryMode, type MachineOptions, type MachineResult } from '../machine/index.js';
import { accountOf } from './account/index.js';
import { checkEvents, checkIntegrity } from './checks.js';
import { kernelCost, pagingSeconds, workCost, type WorkCost } from './cost.js';
import { summarizeLatencies } from './latency.js';
import type { SingleRun } from './repetitions.js';
import type { RunFailure } from './report.js';
import { sumOver } from './sum-over.js';
import type { GridPoint } from './sweep.js';
import { checkTraps, summarizeTraps } from './trap.js';
import type { WorkloadRow } from './workloads/index.js';

/** What every row of a bench has in common at one point of its sweep. */
export type MachineLoad = Omit<MachineOptions, 'mode'> & Required<Pick<MachineOptions, 'order' | 'expected' | 'faultTasks' | 'vcpus'>>;

/** Told when a machine starts (to show its progress, or to stop it) and when it is gone. */
export interface ModeObserver {
  started(mode: DeliveryMode, machine: Machine): void;
  ended(mode: DeliveryMode): void;
}

/** What one run came to. */
export interface RunOutcome {
  readonly run: SingleRun;
  /** Kept for a distribution over several runs. */
  readonly result: Pick<MachineResult, 'latencyCycles' | 'tscKhz' | 'requested'>;
}

/** A run broke: `cause` says why; `outcome` is what there was by then, null where the machine did not start. */
export class RunBroken extends Error {
  override readonly name = 'RunBroken';

  constructor(
    override readonly cause: unknown,
    readonly outcome: RunOutcome | null,
  ) {
    super('the run broke', { cause });
  }
}

/**
 * Runs one row on a fresh machine.
 * @throws RunBroken; the machine is gone by then
 */
export async function runMode(row: WorkloadRow, point: GridPoint, load: MachineLoad, observer: ModeObserver): Promise<RunOutcome> {
  const { mode } = row;
  let machine: Machine;
  try {
    machine = await Machine.create({ ...load, mode });
  } catch (error) {
    throw new RunBroken(error, null);
  }
  try {
    observer.started(mode, machine);
    return outcomeOf(row, point, load, await machine.run(), null);
  } catch (error) {
    throw new RunBroken(error, await leftBehind(machine, (result) => outcomeOf(row, point, load, result, failureOf(error))));
  } finally {
    observer.ended(mode);
    await machine.close();
  }
}

async function leftBehind(machine: Machine, report: (result: MachineResult) => RunOutcome): Promise<RunOutcome | null> {
  try {
    return report(await machine.leftBehind());
  } catch {
    // What is left is too little to be read; why the run broke is what counts.
    return null;
  }
}

function failureOf(error: unknown): RunFailure {
  return { code: isCoded(error) ? error.code : 'UNKNOWN', message: error instanceof Error ? error.message : describeError(error) };
}

function outcomeOf(row: WorkloadRow, point: GridPoint, load: MachineLoad, result: MachineResult, failure: RunFailure | null): RunOutcome {
  return { run: reportMode(row, point, load, result, failure), result };
}

/** Where no page is on its way, the phase between the control phases is over before the work tasks have their turn. */
function withoutPaging(work: WorkCost): WorkCost {
  return { ...work, relative: null, guestKernelShare: null };
}

/** Turns what a machine left behind into a report. */
export function reportMode(row: WorkloadRow, point: GridPoint, load: MachineLoad, result: MachineResult, failure: RunFailure | null = null): SingleRun {
  const { guest, vcpus, resolvers, tscKhz } = result;
  const { mode, name } = row;
  const total = (value: (vcpu: GuestVcpuReport) => number): number => sumOver(guest, value);
  const integrity = checkIntegrity(load.order, load.expected, result);
  const checks = result.end === 'done' ? [...checkEvents(mode, load, result), ...checkTraps(guest, load.faultTasks)] : [];
  const pages = total((vcpu) => vcpu.pages);
  const seconds = pagingSeconds(guest, tscKhz);
  const pagesPerSecond = seconds === 0 ? 0 : pages / seconds;
  return {
    name,
    mode,
    point,
    implementation: result.implementation,
    end: result.end,
    failure,
    placement: result.placement,
    passed: result.end === 'done' && integrity.exact && checks.every((check) => check.agree),
    pages,
    pagingSeconds: seconds,
    pagesPerSecond,
    pagesPerSecondPerVcpu: pagesPerSecond / load.vcpus,
    latency: summarizeLatencies(result.latencyCycles, tscKhz),
    account: load.uapi === undefined || load.uapi === 'stock' ? accountOf(mode, result) : null,
    work: row.populate === true ? withoutPaging(workCost(guest, tscKhz)) : workCost(guest, tscKhz),
    guestKernel: kernelCost(guest, tscKhz),
    trap: summarizeTraps(guest, tscKhz),
    events: {
      notPresent: total((vcpu) => vcpu.notPresent),
      ready: total((vcpu) => vcpu.ready),
      wakeAll: total((vcpu) => vcpu.wakeAll),
      earlyReady: total((vcpu) => vcpu.earlyReady),
      spurious: total((vcpu) => vcpu.spuriousReady) + vcpus.spuriousFaults + resolvers.raced + result.readyStale,
      idle: total((vcpu) => vcpu.idle),
      checks,
    },
    exits: vcpus,
    resolver: resolvers,
    integrity,
  };
}
