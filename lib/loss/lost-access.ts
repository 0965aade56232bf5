/** An access of the guest's to memory that cannot be had, found out from a KVM_RUN that came back for it. */
import { decodeInstruction, FaultLocator, MAX_INSTRUCTION_BYTES, type DecodedInstruction, type GuestReader, type MemoryOperand, type RegisterSource } from '../faults/index.js';
import type { Vcpu } from '../kvm/index.js';
import type { SystemRam } from '../memory/index.js';
import { PAGE_SIZE, RFLAGS_IF, type RegsView } from '../uapi/index.js';
import type { LossCause, LossWindow } from './loss-window.js';

/** See the module's comment. */
export interface LostAccess {
  /** First byte of the access that is lost. */
  readonly gpa: number;
  readonly gva: number;
  readonly access: 'load' | 'store' | 'read-modify-write' | 'fetch';
  readonly sizeBytes: number;
  readonly rip: number;
  readonly cpl: 0 | 3;
  /** RFLAGS.IF. */
  readonly interrupts: boolean;
  readonly cause: LossCause;
  /** What told: the decoded instruction, KVM's exit, an MMIO exit of its emulator, a signal. */
  readonly found: 'decoded' | 'exit' | 'mmio' | 'signal';
}

/** Finds lost accesses of one vCPU. The window is mapped one to one from `base` on. */
export class LostAccessFinder {
  private readonly locator: FaultLocator;
  private readonly reader: WindowReader;

  constructor(
    private readonly vcpu: Vcpu,
    ram: SystemRam,
    private readonly window: LossWindow,
    private readonly base: number,
  ) {
    this.reader = new WindowReader(ram, window, base);
    this.locator = new FaultLocator(registersOf(vcpu), this.reader);
  }

  /** KVM_RUN failed with EFAULT or EHWPOISON: the access, or null where none of the instruction's is lost (any more). */
  find(): LostAccess | null {
    const count = this.locator.locate();
    for (let i = 0; i < count; i++) {
      const page = this.locator.candidates[i];
      const offset = page - this.base;
      if (offset < 0 || offset >= this.window.sizeBytes) continue;
      const operand = this.operandIn(page);
      const cause = this.window.causeOfLoss(offset, operand?.write ?? false);
      if (cause !== null) return this.describe(page, operand, cause, 'decoded');
    }
    return null;
  }

  /** KVM_RUN returned KVM_EXIT_MMIO for `gpa`, and the registers are those in front of the instruction. */
  findMmio(gpa: number, sizeBytes: number, isWrite: boolean): LostAccess | null {
    const offset = gpa - this.base;
    if (offset < 0 || offset + sizeBytes > this.window.sizeBytes) return null;
    const cause = this.window.causeOfLoss(offset, isWrite);
    if (cause === null) return null;
    this.locator.locate();
    const operand = this.operandIn(gpa - (gpa % PAGE_SIZE));
    return { ...this.describe(gpa - (gpa % PAGE_SIZE), operand, cause, 'mmio'), gpa, gva: gpa, sizeBytes };
  }

  /**
   * KVM's emulator has moved RIP past an instruction whose store became MMIO: the registers in front of it, or null where that cannot be told. Only an
   * instruction that changes no register besides is found: its address must come out the same.
   */
  beforeStore(gpa: number, sizeBytes: number, regs: RegsView): number | null {
    const rip = regs.number('rip');
    const bytes = new Uint8Array(MAX_INSTRUCTION_BYTES);
    for (let length = 2; length <= MAX_INSTRUCTION_BYTES; length++) {
      const code = bytes.subarray(0, length);
      // The kernel's text is mapped one to one.
      if (!this.reader.readBytes(rip - length, code, length)) continue;
      const decoded = decodeInstruction(code, BigInt(rip - length));
      if (decoded?.lengthBytes !== length) continue;
      if (decoded.operands.some((operand) => operand.write && operand.sizeBytes === sizeBytes && addressOf(operand, regs) === gpa)) return rip - length;
    }
    return null;
  }

  private operandIn(page: number): MemoryOperand | null {
    const regs = this.vcpu.syncRegs.regs;
    const inPage = (operand: MemoryOperand): boolean => {
      const address = addressOf(operand, regs);
      return address !== null && address < page + PAGE_SIZE && address + operand.sizeBytes > page;
    };
    return this.locator.instruction?.operands.find(inPage) ?? null;
  }

  private describe(page: number, operand: MemoryOperand | null, cause: LossCause, found: LostAccess['found']): LostAccess {
    const { regs, sregs } = this.vcpu.syncRegs;
    const rip = regs.number('rip');
    const address = operand === null ? rip : Math.max(page, addressOf(operand, regs) ?? page);
    return {
      gpa: address,
      gva: address,
      access: operand === null ? 'fetch' : accessOf(this.locator.instruction, operand),
      sizeBytes: operand?.sizeBytes ?? 1,
      rip,
      cpl: sregs.cpl() === 0 ? 0 : 3,
      interrupts: (regs.low('rflags') & RFLAGS_IF) !== 0,
      cause,
      found,
    };
  }
}

function accessOf(instruction: DecodedInstruction | null, { write }: MemoryOperand): LostAccess['access'] {
  if (!write) return 'load';
  return /^(?:lock )?(?:xadd|xchg|cmpxchg|inc|dec|add|sub|and|or|xor|not|neg)/.test(instruction?.text ?? '') ? 'read-modify-write' : 'store';
}

/** Base + index * scale + displacement; null where the operand has more to it. */
function addressOf({ base, index, scale, displacement, offset, segment }: MemoryOperand, regs: RegsView): number | null {
  if (offset !== null || segment !== null) return null;
  const sum = displacement + (base === null ? 0n : regs.get(base)) + (index === null ? 0n : regs.get(index) * BigInt(scale));
  return Number(BigInt.asUintN(64, sum));
}

function registersOf(vcpu: Vcpu): RegisterSource {
  const { regs, sregs } = vcpu.syncRegs;
  return {
    low: (name) => regs.low(name),
    high: (name) => regs.high(name),
    segmentLow: (name) => sregs[name].low('base'),
    segmentHigh: (name) => sregs[name].high('base'),
    cr3: () => sregs.number('cr3'),
    cr4: () => sregs.low('cr4'),
    vectors: () => vcpu.getXsave(),
  };
}

/** Guest memory: RAM through a view, the window by guarded copies. */
class WindowReader implements GuestReader {
  low = 0;
  high = 0;

  constructor(
    private readonly ram: SystemRam,
    private readonly window: LossWindow,
    private readonly base: number,
  ) {}

  readEntry(gpa: number): boolean {
    const offset = this.ram.offsetOf(gpa, 8);
    if (offset < 0) return false;
    this.low = this.ram.words[offset >>> 2];
    this.high = this.ram.words[(offset >>> 2) + 1];
    return true;
  }

  readBytes(gpa: number, into: Uint8Array, lengthBytes: number): boolean {
    const offset = this.ram.offsetOf(gpa, lengthBytes);
    if (offset >= 0) {
      into.set(this.ram.bytes.subarray(offset, offset + lengthBytes));
      return true;
    }
    const inWindow = gpa - this.base;
    if (inWindow < 0 || inWindow + lengthBytes > this.window.sizeBytes) return false;
    if (this.window.causeOfLoss(inWindow, false) !== null) return false;
    this.window.read(inWindow, into.subarray(0, lengthBytes));
    return true;
  }
}
