/** Reports of guests, made up. */
import type { GuestVcpuReport, TrapInstruction, TrapRecord, TrapReport } from '../../lib/guest/index.js';

/** A phase that did not take place. */
export const IDLE = { tscCycles: 0, work: 0, kernelCycles: 0 };

/** A vCPU whose null traps by these instructions took so many cycles, some of them in the handler. */
export function traps(nullTraps: { readonly [instruction in TrapInstruction]?: readonly [cycles: number, kernelCycles: number] }): TrapReport {
  const record = (instruction: TrapInstruction): TrapRecord => {
    const nullTrap = nullTraps[instruction];
    if (nullTrap === undefined) return { probe: { outcome: 'exception', vector: 6 }, taken: 0, nullTrap: null };
    return { probe: { outcome: 'works' }, taken: 64, nullTrap: { cycles: nullTrap[0], kernelCycles: nullTrap[1] } };
  };
  return { used: 'ud2', by: { syscall: record('syscall'), int80: record('int80'), ud2: record('ud2') } };
}

/** What a guest left behind that did nothing but these. */
export function guestReport(changes: Partial<GuestVcpuReport>): GuestVcpuReport {
  return {
    phase: 'done', apfEnabled: false, notPresent: 0, ready: 0, wakeAll: 0, earlyReady: 0, spuriousReady: 0, ticks: 0, switches: 0,
    idle: 0, pages: 0, mismatches: 0, cyclesNotPresent: 0, cyclesReady: 0, cyclesTick: 0, cyclesTrap: 0, trap: traps({}), controlBefore: IDLE, paging: IDLE, controlAfter: IDLE, ...changes,
  };
}
