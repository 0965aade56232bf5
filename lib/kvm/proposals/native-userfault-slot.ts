import { EINVAL, FaultLabError } from '../../errors/index.js';
import type { NativeMapping } from '../../native/index.js';
import { KVM_MEM_USERFAULT, KVM_MEM_USERFAULT_ASYNC } from '../../uapi/proposals/index.js';
import type { MemorySlot, MemorySlotOptions } from '../memory-slot.js';
import type { Vm } from '../vm.js';
import { uapiAbsent } from './uapi-absent.js';

/** A memslot whose pages a bitmap intercepts. */
export interface NativeUserfaultSlotOptions extends MemorySlotOptions {
  /** Memory of the bits: whole 64-bit words, a bit a page, or two with `twoBits`. The VM keeps it mapped while the slot exists. */
  readonly userfaultBitmap: NativeMapping;
  /** `sync-async-2bit`: bit 2n intercepts page n synchronously, bit 2n + 1 asynchronously. */
  readonly twoBits?: boolean;
  /** Whether pages are intercepted from the start; true where left out. Turned on later, it costs the slot all its mappings. */
  readonly intercepting?: boolean;
}

/** A memslot with KVM_MEM_USERFAULT, and KVM_MEM_USERFAULT_ASYNC where each page has two bits. */
export class NativeUserfaultSlot {
  readonly slot: MemorySlot;
  readonly #bits: number;
  readonly #otherFlags: number;
  readonly #guestMemfd: boolean;
  /** The kernel took the flags once: a later EINVAL is about something else. */
  #known = false;

  /** Throws FaultLabError: `UAPI_ABSENT` where the kernel does not know the flags, `BAD_ARGUMENT` for a bitmap too short, as `Vm.createMemorySlot`. */
  constructor(vm: Vm, options: NativeUserfaultSlotOptions) {
    const { twoBits = false, intercepting = true, ...memory } = options;
    this.#bits = KVM_MEM_USERFAULT | (twoBits ? KVM_MEM_USERFAULT_ASYNC : 0);
    this.#otherFlags = (options.flags ?? 0) & ~(KVM_MEM_USERFAULT | KVM_MEM_USERFAULT_ASYNC);
    this.#guestMemfd = options.guestMemfd !== undefined;
    const create = (bits: number): MemorySlot => vm.createMemorySlot({ ...memory, flags: this.#otherFlags | bits });
    try {
      this.slot = create(intercepting ? this.#bits : 0);
      this.#known = intercepting;
    } catch (error) {
      throw intercepting && isRefusal(error) ? explain(error, create, this.#bits) : error;
    }
  }

  /** True while the flags are set. */
  get intercepting(): boolean {
    return (this.slot.flags & KVM_MEM_USERFAULT) !== 0;
  }

  /**
   * Turns interception on or off: a change of nothing but flags. Turned on, it zaps every mapping of the slot; KVM looks at bits only where it has
   * no mapping. Throws FaultLabError: `UAPI_ABSENT`; `KVM_EINVAL` where a slot cannot change so (one with guest_memfd, on some kernels).
   */
  intercept(on: boolean): void {
    try {
      this.slot.setFlags(this.#otherFlags | (on ? this.#bits : 0));
    } catch (error) {
      if (!on || this.#known || this.#guestMemfd || !isRefusal(error)) throw error;
      throw uapiAbsent(flagNames(this.#bits), EINVAL);
    }
    if (on) this.#known = true;
  }

  /** Takes the range away from the guest. Idempotent. */
  delete(): void {
    this.slot.delete();
  }
}

function isRefusal(error: unknown): error is FaultLabError {
  return error instanceof FaultLabError && error.errno === EINVAL;
}

/** Which flags a slot was refused for: those without which KVM takes it. The slot is deleted again. */
function explain(refusal: FaultLabError, create: (bits: number) => MemorySlot, bits: number): FaultLabError {
  for (const fewer of bits === KVM_MEM_USERFAULT ? [0] : [KVM_MEM_USERFAULT, 0]) {
    try {
      create(fewer).delete();
    } catch {
      continue;
    }
    return uapiAbsent(flagNames(bits & ~fewer), EINVAL);
  }
  return refusal;
}

function flagNames(bits: number): string {
  const names = [
    [KVM_MEM_USERFAULT, 'KVM_MEM_USERFAULT'],
    [KVM_MEM_USERFAULT_ASYNC, 'KVM_MEM_USERFAULT_ASYNC'],
  ] as const;
  return `memslot flag ${names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name).join(' | ')}`;
}
