/**
 * How the guest's tasks enter their kernel: by which instructions they could, what the guest's probe saw of each at boot, and which one they use.
 * What the guest says of itself is data: anything may stand there.
 */
import { StructView } from '../uapi/index.js';
import * as abi from './abi.js';

/** An instruction that makes a trap, the better the earlier. */
export const TRAP_INSTRUCTIONS = ['syscall', 'int80', 'ud2'] as const;
/** Name of an instruction that makes a trap; `int80` is `int $0x80`. */
export type TrapInstruction = (typeof TRAP_INSTRUCTIONS)[number];

/** What the guest can be told to trap by; `auto`: the first one that works on its host. */
export const TRAP_CHOICES = ['auto', ...TRAP_INSTRUCTIONS] as const;
/** How a guest is to trap. */
export type TrapChoice = (typeof TRAP_CHOICES)[number];

/** TRAP_BY_* of abi.h. */
const CODES: Readonly<Record<TrapChoice, number>> = {
  auto: abi.TRAP_BY_AUTO,
  syscall: abi.TRAP_BY_SYSCALL,
  int80: abi.TRAP_BY_INT80,
  ud2: abi.TRAP_BY_UD2,
};

/** For people. */
const SPELLINGS: Readonly<Record<TrapInstruction, string>> = { syscall: 'syscall', int80: 'int 0x80', ud2: 'ud2' };

/** What came of one instruction when the guest tried it at CPL3. */
export type TrapProbe =
  /** The guest did not get so far. */
  | { readonly outcome: 'not-tried' }
  /** It entered the kernel at CPL0, everything as it should be. */
  | { readonly outcome: 'works' }
  /** It entered the kernel with another CPL, rip, rsp or rflags than it should. */
  | { readonly outcome: 'wrong-state' }
  /** It went to the kernel's entry but stayed at CPL3, which may not execute there. */
  | { readonly outcome: 'stays-at-cpl3' }
  /** It did nothing. */
  | { readonly outcome: 'no-effect' }
  | { readonly outcome: 'exception'; readonly vector: number }
  /** No outcome that abi.h knows. */
  | { readonly outcome: 'unknown'; readonly code: number };

/** One instruction on one vCPU. Cycles are TSC cycles. */
export interface TrapRecord {
  readonly probe: TrapProbe;
  /** Traps by it, those of the calibration included. */
  readonly taken: number;
  /** The fastest of its null traps at boot, CPL3 to CPL3, and the part of it within the handler; null when it was not measured. */
  readonly nullTrap: { readonly cycles: number; readonly kernelCycles: number } | null;
}

/** How the tasks of one vCPU trap. */
export interface TrapReport {
  /** The instruction they use; null before the guest has chosen. */
  readonly used: TrapInstruction | null;
  readonly by: Readonly<Record<TrapInstruction, TrapRecord>>;
}

const OUTCOMES: Readonly<Record<number, TrapProbe>> = {
  [abi.PROBE_NONE]: { outcome: 'not-tried' },
  [abi.PROBE_WORKS]: { outcome: 'works' },
  [abi.PROBE_WRONG_STATE]: { outcome: 'wrong-state' },
  [abi.PROBE_STAYS_AT_CPL3]: { outcome: 'stays-at-cpl3' },
  [abi.PROBE_NO_EFFECT]: { outcome: 'no-effect' },
};

const MNEMONICS: Readonly<Record<number, string>> = {
  0: '#DE', 1: '#DB', 3: '#BP', 4: '#OF', 5: '#BR', 6: '#UD', 7: '#NM', 10: '#TS', 11: '#NP', 12: '#SS', 13: '#GP', 14: '#PF', 17: '#AC', 20: '#VE', 21: '#CP',
};

/** True for what a guest can be told to trap by. */
export function isTrapChoice(name: string): name is TrapChoice {
  return (TRAP_CHOICES as readonly string[]).includes(name);
}

/** TRAP_BY_* of a choice, as the mailbox takes it. */
export function trapCode(choice: TrapChoice): number {
  return CODES[choice];
}

/** An instruction as an assembler writes it. */
export function spellTrap(instruction: TrapInstruction): string {
  return SPELLINGS[instruction];
}

/** What a probe saw, in a few words: `works`, `#UD`. */
export function describeProbe(probe: TrapProbe): string {
  switch (probe.outcome) {
    case 'not-tried':
      return 'not tried';
    case 'works':
      return 'works';
    case 'wrong-state':
      return 'enters in a wrong state';
    case 'stays-at-cpl3':
      return 'stays at CPL3';
    case 'no-effect':
      return 'does nothing';
    case 'exception':
      return MNEMONICS[probe.vector] ?? `exception ${probe.vector}`;
    case 'unknown':
      return `unknown outcome ${probe.code}`;
  }
}

/**
 * Reads how the guest was told to trap.
 * @param low - a view of low RAM from gpa 0
 * @returns null where no choice is written
 */
export function readTrapChoice(low: DataView): TrapChoice | null {
  const code = low.getUint32(abi.MAILBOX_BASE + abi.mailboxLayout.fields.trap_by.offset, true);
  return TRAP_CHOICES.find((choice) => CODES[choice] === code) ?? null;
}

/**
 * Reads how a vCPU's tasks trap: a snapshot.
 * @param low - a view of low RAM from gpa 0
 * @param block - offset of the vCPU's vcpu_block in it
 */
export function readTraps(low: DataView, block: number): TrapReport {
  const { fields } = abi.vcpuBlockLayout;
  const code = low.getUint32(block + fields.trap_by.offset, true);
  const record = (instruction: TrapInstruction): TrapRecord => {
    const view = new StructView(abi.trapRecordLayout, low, block + fields.trap.offset + CODES[instruction] * abi.trapRecordLayout.size);
    const cycles = view.number('null_cycles');
    return {
      probe: decodeProbe(view.number('probe')),
      taken: view.number('taken'),
      nullTrap: cycles === 0 ? null : { cycles, kernelCycles: view.number('null_kernel_cycles') },
    };
  };
  return {
    used: TRAP_INSTRUCTIONS.find((instruction) => CODES[instruction] === code) ?? null,
    by: { syscall: record('syscall'), int80: record('int80'), ud2: record('ud2') },
  };
}

function decodeProbe(code: number): TrapProbe {
  const vector = code - abi.PROBE_EXCEPTION;
  if (vector >= 0 && vector < 32) return { outcome: 'exception', vector };
  return OUTCOMES[code] ?? { outcome: 'unknown', code };
}
