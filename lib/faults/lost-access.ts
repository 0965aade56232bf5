/**
 * An access of the guest's to memory that cannot be had, found out from a KVM_RUN that failed. KVM may say little (a bare EFAULT) or much (a memory-fault
 * exit, a signal with the host address, an MMIO exit of its emulator); the instruction, the guest's page tables and the memory behind the slot say the rest.
 */
import { EHWPOISON } from '../errors/index.js';
import type { VcpuExit } from '../kvm/index.js';
import { gpaNumber, gpaOfHva, guestRange, type DaxWindow, type GpaNumber, type GuestRange, type LossCause } from '../memory/index.js';
import { PAGE_SIZE, gpa, gva, internalErrors, type Gpa, type Gva } from '../uapi/index.js';
import { FaultLocator, USE_FETCH, USE_READ, USE_TABLE, USE_WRITE, type GuestReader } from './fault-locator.js';
import { MAX_INSTRUCTION_BYTES } from './memory-operands.js';
import type { StoppedVcpu } from './registers.js';

/** What the guest wanted to do. A page-table walk of the MMU is a load. */
export type AccessKind = 'load' | 'store' | 'read-modify-write' | 'fetch';

/** See the module's comment. */
export interface LostAccess {
  /** First byte of the access that lies in the lost page. */
  readonly gpa: Gpa;
  /** The same, guest virtual; null where no operand of the instruction leads there (a page table, a descriptor). */
  readonly gva: Gva | null;
  readonly access: AccessKind;
  /** Bytes of the access that lie in the lost page, as far as is known: 1 of a fetch whose instruction cannot be read. */
  readonly sizeBytes: number;
  /** Address of the instruction. */
  readonly rip: Gva;
  readonly cpl: 0 | 3;
  /** RFLAGS.IF. */
  readonly interrupts: boolean;
  readonly cause: LossCause;
  /** How the page was found: by decoding the instruction, from a memory-fault exit, from an MMIO exit, from a signal's host address. */
  readonly found: 'decoded' | 'exit' | 'mmio' | 'signal';
}

/** What a failed KVM_RUN was about. */
export type LossFinding =
  | { readonly kind: 'lost'; readonly loss: LostAccess }
  /** The instruction touches a window, and nothing of it is lost any more: run the vCPU again. */
  | { readonly kind: 'recovered' }
  /** No window has to do with it. */
  | { readonly kind: 'unrelated' };

/** A window, and where the guest has it. */
export interface MappedWindow {
  readonly gpa: GpaNumber;
  readonly window: DaxWindow;
}

/** A page of a window that the instruction touches. */
interface Touch {
  readonly at: number;
  readonly gva: Gva | null;
  readonly access: AccessKind;
  readonly sizeBytes: number;
}

/** The same instruction fails again and again while nothing of what it touches is lost: its memory is lost in a way that does not show. */
const MOST_RECOVERIES = 100;

/** KVM's emulator brings accesses to the VMM in pieces of this size. */
const MOST_EMULATED_BYTES = 8;

/** See the module's comment. One for each vCPU; to be asked before the vCPU runs again. */
export class LostAccesses {
  private readonly locator: FaultLocator;
  private readonly ranges: readonly GuestRange[];
  private lastRip = -1n;
  private recoveries = 0;

  /**
   * @param vcpu - its registers at the exit
   * @param reader - all memory of the guest
   */
  constructor(
    private readonly vcpu: StoppedVcpu,
    reader: GuestReader,
    private readonly windows: readonly MappedWindow[],
  ) {
    this.locator = new FaultLocator(vcpu, reader);
    this.ranges = windows.map(({ gpa: base, window }) => guestRange(base, window.guestView));
  }

  /** What the exit was about. Exits that are no failure (`hlt`, `io`, ...) are `unrelated`. Throws what reading a file's length throws. */
  find(exit: VcpuExit): LossFinding {
    const finding = this.classify(exit);
    if (finding.kind !== 'recovered') {
      this.recoveries = 0;
      return finding;
    }
    const rip = this.rip();
    this.recoveries = rip === this.lastRip ? this.recoveries + 1 : 1;
    this.lastRip = rip;
    if (this.recoveries < MOST_RECOVERIES) return finding;
    this.recoveries = 0;
    const [touch] = this.touches();
    return { kind: 'lost', loss: this.describe(touch, 'decoded', 'unknown', rip) };
  }

  private classify(exit: VcpuExit): LossFinding {
    switch (exit.kind) {
      case 'bareEfault':
        return this.decoded();
      case 'internalError':
        return exit.suberror === internalErrors.EMULATION ? this.decoded() : { kind: 'unrelated' };
      case 'memoryFault':
        return this.named(Number(exit.gpa), 'exit', exit.errno === EHWPOISON ? 'poison' : null, 'load', exit.sizeBytes);
      case 'memoryFailure': {
        const at = exit.action === 'required' ? gpaOfHva(this.ranges, exit.hva) : null;
        return at === null ? { kind: 'unrelated' } : this.named(at, 'signal', 'poison', 'load', exit.sizeBytes);
      }
      case 'mmio':
        return this.emulated(Number(exit.gpa), exit.isWrite, exit.data.length);
      default:
        return { kind: 'unrelated' };
    }
  }

  /** KVM says nothing: the first page in the order of the operands that is lost. */
  private decoded(): LossFinding {
    this.locator.locate();
    const touches = this.touches();
    for (const touch of touches) {
      const cause = this.causeAt(touch.at, writes(touch.access));
      if (cause !== null) return { kind: 'lost', loss: this.describe(touch, 'decoded', cause, this.rip()) };
    }
    return { kind: touches.length === 0 ? 'unrelated' : 'recovered' };
  }

  /** KVM names a page of the guest: which operand is it? */
  private named(page: number, found: 'exit' | 'signal', known: LossCause | null, access: AccessKind, sizeBytes: number): LossFinding {
    if (this.windowAt(page) === undefined) return { kind: 'unrelated' };
    this.locator.locate();
    const touch = this.touches().find(({ at }) => samePage(at, page)) ?? { at: page, gva: null, access, sizeBytes };
    const cause = known ?? this.causeAt(touch.at, writes(touch.access));
    return cause === null ? { kind: 'recovered' } : { kind: 'lost', loss: this.describe(touch, found, cause, this.rip()) };
  }

  /**
   * KVM's emulator came upon memory that it cannot copy from, and takes it for a device. It has not finished a load, whose instruction is at RIP; it is
   * through with a store, and RIP is behind it.
   */
  private emulated(at: number, isWrite: boolean, sizeBytes: number): LossFinding {
    if (this.windowAt(at) === undefined) return { kind: 'unrelated' };
    const rip = this.instructionOf(at, isWrite, sizeBytes);
    const touch = rip === null ? undefined : this.touches().find((candidate) => samePage(candidate.at, at));
    const access = touch?.access ?? (isWrite ? 'store' : 'load');
    // An emulator that came to this page cannot have it, whatever the page looks like by now: the access is to be carried out by the VMM.
    const cause = this.causeAt(at, isWrite) ?? 'unknown';
    const offset = touch === undefined ? 0n : BigInt(at - touch.at);
    const address = touch === undefined || touch.gva === null ? null : gva(BigInt.asUintN(64, touch.gva + offset));
    return { kind: 'lost', loss: this.describe({ at, gva: address, access, sizeBytes }, 'mmio', cause, rip ?? this.rip()) };
  }

  /**
   * Address of the instruction that accesses `at`, and the locator set to it; null where none does. Going backwards there may be several: the longest whose
   * operand has the size of the access. Bytes in front of it that could be its prefixes are taken for such.
   */
  private instructionOf(at: number, isWrite: boolean, sizeBytes: number): bigint | null {
    const rip = this.rip();
    this.locator.locate();
    const accesses = (touch: Touch): boolean => samePage(touch.at, at) && (!isWrite || writes(touch.access));
    if (this.touches().some(accesses)) return rip;
    if (!isWrite) return null;
    const stores = (length: number): boolean => {
      this.locateBefore(rip, length);
      return this.locator.lengthBytes === length && this.touches().some((touch) => accesses(touch) && Math.min(touch.sizeBytes, MOST_EMULATED_BYTES) === sizeBytes);
    };
    for (let length = MAX_INSTRUCTION_BYTES; length > 0; length--) if (stores(length)) return BigInt.asUintN(64, rip - BigInt(length));
    return null;
  }

  private locateBefore(rip: bigint, length: number): void {
    const start = rip - BigInt(length);
    this.locator.locateAt(Number(BigInt.asIntN(32, start)), Number(BigInt.asIntN(32, start >> 32n)));
  }

  /** Pages of windows that the located instruction touches: its own bytes, then its operands. */
  private touches(): Touch[] {
    const { locator } = this;
    const touches: Touch[] = [];
    const add = (touch: Touch): void => {
      if (this.windowAt(touch.at) !== undefined && !touches.some(({ at }) => samePage(at, touch.at))) touches.push(touch);
    };
    const rip = this.rip();
    const lengthBytes = locator.lengthBytes || 1;
    const head = PAGE_SIZE - (locator.codeGpa % PAGE_SIZE);
    if (locator.codeGpa >= 0) add({ at: locator.codeGpa, gva: gva(rip), access: 'fetch', sizeBytes: Math.min(lengthBytes, head) });
    if (locator.codeTailGpa >= 0) add({ at: locator.codeTailGpa, gva: gva(BigInt.asUintN(64, rip + BigInt(head))), access: 'fetch', sizeBytes: Math.max(1, lengthBytes - head) });
    for (let i = 0; i < locator.count; i++) {
      const use = locator.uses[i];
      const address = (BigInt(locator.gvaHigh[i] >>> 0) << 32n) | BigInt(locator.gvaLow[i] >>> 0);
      add({ at: locator.firstBytes[i], gva: (use & USE_TABLE) !== 0 ? null : gva(address), access: accessOf(use), sizeBytes: locator.lengths[i] });
    }
    return touches;
  }

  private describe({ at, gva: address, access, sizeBytes }: Touch, found: LostAccess['found'], cause: LossCause, rip: bigint): LostAccess {
    return { gpa: gpa(at), gva: address, access, sizeBytes, rip: gva(rip), cpl: this.vcpu.cpl(), interrupts: this.vcpu.interrupts(), cause, found };
  }

  private causeAt(at: number, forWriting: boolean): LossCause | null {
    const mapped = this.windowAt(at);
    return mapped === undefined ? null : mapped.window.causeOfLoss(at - mapped.gpa, forWriting);
  }

  private windowAt(at: number): MappedWindow | undefined {
    return this.windows.find(({ gpa: base, window }) => at >= base && at < base + window.sizeBytes);
  }

  private rip(): bigint {
    return (BigInt(this.vcpu.high('rip') >>> 0) << 32n) | BigInt(this.vcpu.low('rip') >>> 0);
  }
}

/** The window of `windows` that holds an address, and the offset in it; undefined for none. */
export function windowOf(windows: readonly MappedWindow[], at: Gpa): { readonly window: DaxWindow; readonly offset: number } | undefined {
  const address = gpaNumber(Number(at));
  const mapped = windows.find(({ gpa: base, window }) => address >= base && address < base + window.sizeBytes);
  return mapped === undefined ? undefined : { window: mapped.window, offset: address - mapped.gpa };
}

function accessOf(use: number): AccessKind {
  if ((use & USE_FETCH) !== 0) return 'fetch';
  if ((use & (USE_READ | USE_WRITE)) === (USE_READ | USE_WRITE)) return 'read-modify-write';
  return (use & USE_WRITE) !== 0 ? 'store' : 'load';
}

function writes(access: AccessKind): boolean {
  return access === 'store' || access === 'read-modify-write';
}

function samePage(a: number, b: number): boolean {
  return Math.floor(a / PAGE_SIZE) === Math.floor(b / PAGE_SIZE);
}
