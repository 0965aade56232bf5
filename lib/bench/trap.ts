/** How the guest's tasks entered their kernel, what the host makes of each instruction that could do it, and what a trap by it costs. */
import { CALIBRATION_TRAPS, TRAP_INSTRUCTIONS, type GuestVcpuReport, type TrapInstruction, type TrapProbe, type TrapRecord } from '../guest/index.js';
import type { EventCheck } from './checks.js';
import { sumOver } from './sum-over.js';

/** One instruction. */
export interface TrapInstructionReport {
  /** What the guest's first vCPU saw when it tried it. */
  readonly probe: TrapProbe;
  /** Traps by it on all vCPUs, those of the calibration included. */
  readonly taken: number;
  /** A null trap by it, CPL3 to CPL3: the fastest of many on any vCPU; null where it does not work. */
  readonly nullTrapNs: number | null;
}

/** How tasks trap. */
export interface TrapSummary {
  /** The instruction that the tasks used; null when the guest never said. */
  readonly used: TrapInstruction | null;
  readonly by: Readonly<Record<TrapInstruction, TrapInstructionReport>>;
}

/**
 * The null trap by an instruction that was disturbed least.
 * @param guest - one report a vCPU
 * @returns TSC cycles; null when no vCPU measured it
 */
export function fastestNullTrap(guest: readonly GuestVcpuReport[], instruction: TrapInstruction): TrapRecord['nullTrap'] {
  let fastest: TrapRecord['nullTrap'] = null;
  for (const { trap } of guest) {
    const { nullTrap } = trap.by[instruction];
    if (nullTrap !== null && (fastest === null || nullTrap.cycles < fastest.cycles)) fastest = nullTrap;
  }
  return fastest;
}

/**
 * Sums up how tasks trapped.
 * @param guest - one report a vCPU
 * @param tscKhz - frequency of the TSC
 */
export function summarizeTraps(guest: readonly GuestVcpuReport[], tscKhz: number): TrapSummary {
  const report = (instruction: TrapInstruction): TrapInstructionReport => {
    const fastest = fastestNullTrap(guest, instruction);
    return {
      probe: guest[0].trap.by[instruction].probe,
      taken: sumOver(guest, ({ trap }) => trap.by[instruction].taken),
      nullTrapNs: fastest === null ? null : (fastest.cycles / tscKhz) * 1e6,
    };
  };
  return { used: guest[0].trap.used, by: { syscall: report('syscall'), int80: report('int80'), ud2: report('ud2') } };
}

/**
 * Holds what each vCPU says of its traps against the traps that it took, for a run that went to its end.
 * @param faultTasks - on each vCPU: each traps once, to end
 */
export function checkTraps(guest: readonly GuestVcpuReport[], faultTasks: number): EventCheck[] {
  const check = (what: string, counted: number, due: number): EventCheck => ({ what, guest: counted, host: due, agree: counted === due });
  const { used } = guest[0].trap;
  const taken = (vcpu: GuestVcpuReport, isUsed: boolean): number =>
    sumOver(TRAP_INSTRUCTIONS, (instruction) => ((instruction === used) === isUsed ? vcpu.trap.by[instruction].taken : 0));
  const calibrated = (vcpu: GuestVcpuReport, isUsed: boolean): number =>
    sumOver(TRAP_INSTRUCTIONS, (instruction) =>
      (instruction === used) === isUsed && vcpu.trap.by[instruction].probe.outcome === 'works' ? CALIBRATION_TRAPS : 0,
    );
  return [
    check('vCPUs that chose the trap of the first one = vCPUs', guest.filter(({ trap }) => trap.used === used).length, guest.length),
    // Those that end are the fault tasks and the calibration.
    check(
      'traps by the chosen instruction = null traps of its calibration + tasks that ended',
      sumOver(guest, (vcpu) => taken(vcpu, true)),
      sumOver(guest, (vcpu) => calibrated(vcpu, true) + faultTasks + 1),
    ),
    check(
      'traps by other instructions = null traps of their calibration',
      sumOver(guest, (vcpu) => taken(vcpu, false)),
      sumOver(guest, (vcpu) => calibrated(vcpu, false)),
    ),
  ];
}
