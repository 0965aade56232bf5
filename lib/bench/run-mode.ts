/** One mode of a bench, from a cold machine to its report. */
import type { GuestVcpuReport } from '../guest/index.js';
import { Machine, type DeliveryMode, type MachineOptions, type MachineResult } from '../machine/index.js';
import { checkEvents, checkIntegrity } from './checks.js';
import { kernelCost, pagingSeconds, workCost } from './cost.js';
import { summarizeLatencies } from './latency.js';
import type { ModeReport } from './report.js';
import { sumOver } from './sum-over.js';
import { checkTraps, summarizeTraps } from './trap.js';

/** What every mode of a bench has in common. */
export type Workload = Omit<MachineOptions, 'mode'> & Required<Pick<MachineOptions, 'order' | 'expected' | 'faultTasks'>>;

/** Told when a machine starts (to show its progress, or to stop it) and when it is gone. */
export interface ModeObserver {
  started(mode: DeliveryMode, machine: Machine): void;
  ended(mode: DeliveryMode): void;
}

/**
 * Runs one mode on a fresh machine.
 * @throws what {@link Machine.create} and {@link Machine.run} throw; the machine is gone by then
 */
export async function runMode(mode: DeliveryMode, workload: Workload, observer: ModeObserver): Promise<ModeReport> {
  const machine = await Machine.create({ ...workload, mode });
  try {
    observer.started(mode, machine);
    const result = await machine.run();
    return reportMode(mode, workload, result);
  } finally {
    observer.ended(mode);
    await machine.close();
  }
}

/** Turns what a machine left behind into a report. */
export function reportMode(mode: DeliveryMode, workload: Workload, result: MachineResult): ModeReport {
  const { guest, vcpus, resolvers, tscKhz } = result;
  const total = (value: (vcpu: GuestVcpuReport) => number): number => sumOver(guest, value);
  const integrity = checkIntegrity(workload.order, workload.expected, result);
  const checks = result.end === 'done' ? [...checkEvents(mode, workload.order, result, workload.uapi), ...checkTraps(guest, workload.faultTasks)] : [];
  const pages = total((vcpu) => vcpu.pages);
  const seconds = pagingSeconds(guest, tscKhz);
  return {
    mode,
    implementation: result.implementation,
    end: result.end,
    passed: result.end === 'done' && integrity.exact && checks.every((check) => check.agree),
    pages,
    pagingSeconds: seconds,
    pagesPerSecond: seconds === 0 ? 0 : pages / seconds,
    latency: summarizeLatencies(result.latencyCycles, tscKhz),
    work: workCost(guest, tscKhz),
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
