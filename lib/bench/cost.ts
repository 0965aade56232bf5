/**
 * What a mode cost the guest: work done while pages were on their way against work done without faults, and how much of the difference is the
 * guest kernel's own handling of events. On hosts that emulate CPL0 that part belongs to the host, not to the mode.
 */
import type { GuestVcpuReport, PhaseReport, TrapInstruction } from '../guest/index.js';
import { sumOver } from './sum-over.js';
import { fastestNullTrap } from './trap.js';

/** Shares are fractions of the vCPUs' time; null where there was nothing to measure. */
export interface WorkCost {
  /** Work per second while only work tasks ran, before and after paging together. */
  readonly controlPerSecond: number | null;
  /** Work per second while pages were on their way. */
  readonly pagingPerSecond: number;
  /** `pagingPerSecond / controlPerSecond`: 1 = nothing lost. */
  readonly relative: number | null;
  /**
   * Rate of work after paging / before it: 1 on a quiet host. Far from 1 the host itself changed speed meanwhile, and `relative` is no more
   * trustworthy than that.
   */
  readonly controlDrift: number | null;
  /** Of the time lost: time in the guest kernel's handlers and on the way into and out of them, beyond what control has of it. */
  readonly guestKernelShare: number | null;
}

/** What one event costs the guest kernel, ns. */
export interface KernelCost {
  /** In the handler of a not-present event, entry stub to return. */
  readonly notPresentNs: number | null;
  /** In the handler of a ready interrupt. */
  readonly readyNs: number | null;
  /** In the handler of a timer tick. */
  readonly tickNs: number | null;
  /** The way in and out: what the host adds to every event besides the handler. That of a null trap through the IDT, which events take too. */
  readonly entryExitNs: number | null;
}

/**
 * Traps through the IDT, the more like an event the earlier: KVM intercepts the #UD of `ud2` on VMX and SVM hosts, so that it costs an exit as well.
 * `syscall` does not go through the IDT at all.
 */
const TRAPS_LIKE_EVENTS: readonly TrapInstruction[] = ['int80', 'ud2'];

interface Spans {
  tscCycles: number;
  work: number;
  kernelCycles: number;
}

/**
 * Computes what the work tasks lost.
 * @param guest - one report a vCPU
 * @param tscKhz - frequency of the TSC
 */
export function workCost(guest: readonly GuestVcpuReport[], tscKhz: number): WorkCost {
  const before = add(guest.map((vcpu) => vcpu.controlBefore));
  const after = add(guest.map((vcpu) => vcpu.controlAfter));
  const control = add([before, after]);
  const paging = add(guest.map((vcpu) => vcpu.paging));
  const perSecond = (spans: Spans): number => (spans.tscCycles === 0 ? 0 : (spans.work / spans.tscCycles) * tscKhz * 1e3);
  // Rates are per vCPU times vCPUs, so that they mean the work of the whole guest.
  const controlPerSecond = control.tscCycles === 0 || control.work === 0 ? null : perSecond(control) * guest.length;
  const pagingPerSecond = perSecond(paging) * guest.length;
  const events = sumOver(guest, (vcpu) => vcpu.notPresent + vcpu.ready + vcpu.wakeAll + vcpu.spuriousReady);
  const entryExit = entryExitCycles(guest) ?? 0;
  const kernelShare = (spans: Spans, extraCycles: number): number => (spans.tscCycles === 0 ? 0 : (spans.kernelCycles + extraCycles) / spans.tscCycles);
  return {
    controlPerSecond,
    pagingPerSecond,
    relative: controlPerSecond === null ? null : pagingPerSecond / controlPerSecond,
    controlDrift: before.work === 0 || after.work === 0 ? null : perSecond(after) / perSecond(before),
    guestKernelShare: control.tscCycles === 0 ? null : Math.max(0, kernelShare(paging, events * entryExit) - kernelShare(control, 0)),
  };
}

/** What each kind of event cost the guest kernel. */
export function kernelCost(guest: readonly GuestVcpuReport[], tscKhz: number): KernelCost {
  const toNs = 1e6 / tscKhz;
  const per = (cycles: (vcpu: GuestVcpuReport) => number, count: (vcpu: GuestVcpuReport) => number): number | null => {
    const times = sumOver(guest, count);
    return times === 0 ? null : (sumOver(guest, cycles) / times) * toNs;
  };
  const entryExit = entryExitCycles(guest);
  return {
    notPresentNs: per((v) => v.cyclesNotPresent, (v) => v.notPresent),
    readyNs: per((v) => v.cyclesReady, (v) => v.ready + v.wakeAll + v.spuriousReady),
    tickNs: per((v) => v.cyclesTick, (v) => v.ticks),
    entryExitNs: entryExit === null ? null : entryExit * toNs,
  };
}

/** Time of the paging phase, s: the longest of all vCPUs. */
export function pagingSeconds(guest: readonly GuestVcpuReport[], tscKhz: number): number {
  return Math.max(...guest.map((vcpu) => vcpu.paging.tscCycles)) / (tscKhz * 1e3);
}

function entryExitCycles(guest: readonly GuestVcpuReport[]): number | null {
  for (const instruction of TRAPS_LIKE_EVENTS) {
    const fastest = fastestNullTrap(guest, instruction);
    if (fastest !== null) return Math.max(0, fastest.cycles - fastest.kernelCycles);
  }
  return null;
}

function add(phases: readonly PhaseReport[]): Spans {
  const total: Spans = { tscCycles: 0, work: 0, kernelCycles: 0 };
  for (const phase of phases) {
    total.tscCycles += phase.tscCycles;
    total.work += phase.work;
    total.kernelCycles += phase.kernelCycles;
  }
  return total;
}
