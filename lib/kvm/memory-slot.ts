import { attempt, FaultLabError } from '../errors/index.js';
import type { NativeFile, NativeMapping, NativeVm } from '../native/addon.js';
import { KVM_MEM_GUEST_MEMFD, PAGE_SIZE, type Gpa } from '../uapi/index.js';

/** Where guest memory comes from and where the guest sees it. Sizes and offsets in bytes, multiples of the page size. */
export interface MemorySlotOptions {
  /** Number of the slot; one number holds one slot of a VM. */
  readonly slot: number;
  readonly gpa: Gpa;
  readonly sizeBytes: number;
  /** What the guest sees. May be missing, protected, or registered with userfaultfd. Null only with guest_memfd. */
  readonly mapping: NativeMapping | null;
  /** Start within `mapping`; 0 where left out. */
  readonly offset?: number;
  /** KVM_MEM_* bits; KVM_MEM_GUEST_MEMFD is added with `guestMemfd`. */
  readonly flags?: number;
  readonly guestMemfd?: NativeFile;
  readonly guestMemfdOffset?: number;
  /** A proposal's bitmap (KVM_MEM_USERFAULT): a bit for each page. */
  readonly userfaultBitmap?: NativeMapping;
}

/** One range of guest physical memory. Made by `Vm.createMemorySlot`. */
export class MemorySlot {
  readonly slot: number;
  readonly gpa: Gpa;
  readonly sizeBytes: number;
  readonly mapping: NativeMapping | null;
  readonly offset: number;
  readonly #vm: NativeVm;
  readonly #options: MemorySlotOptions;
  #flags: number;
  #deleted = false;

  /** @internal KVM_SET_USER_MEMORY_REGION, or REGION2 where guest_memfd or a userfault bitmap is given. */
  constructor(vm: NativeVm, options: MemorySlotOptions) {
    this.#vm = vm;
    this.#options = options;
    this.slot = options.slot;
    this.gpa = options.gpa;
    this.sizeBytes = options.sizeBytes;
    this.mapping = options.mapping;
    this.offset = options.offset ?? 0;
    this.#flags = (options.flags ?? 0) | (options.guestMemfd === undefined ? 0 : KVM_MEM_GUEST_MEMFD);
    this.#check();
    this.#set(this.#flags);
  }

  /** KVM_MEM_* bits in force. */
  get flags(): number {
    return this.#flags;
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  /** Replaces the slot's flags, as far as KVM allows; KVM_MEM_GUEST_MEMFD stays as it was created. Throws FaultLabError. */
  setFlags(flags: number): void {
    if (this.#deleted) throw new FaultLabError('HANDLE_CLOSED', `memory slot ${this.slot} is deleted: its flags cannot change`);
    const wanted = flags | (this.#flags & KVM_MEM_GUEST_MEMFD);
    this.#set(wanted);
    this.#flags = wanted;
  }

  /** Takes the range away from the guest: accesses become MMIO exits. Idempotent. Throws FaultLabError. */
  delete(): void {
    if (this.#deleted) return;
    attempt(`delete memory slot ${this.slot}`, () => {
      this.#vm.setUserMemoryRegion(this.slot, 0, this.gpa, 0, null, 0);
    });
    this.#deleted = true;
  }

  #check(): void {
    const { mapping, offset, sizeBytes } = this;
    const problem =
      sizeBytes <= 0 || !Number.isSafeInteger(sizeBytes) || sizeBytes % PAGE_SIZE !== 0
        ? `its size, ${sizeBytes} bytes, is no positive multiple of ${PAGE_SIZE}`
        : this.gpa % BigInt(PAGE_SIZE) !== 0n
          ? `gpa 0x${this.gpa.toString(16)} is not page aligned`
          : offset < 0 || offset % PAGE_SIZE !== 0
            ? `offset ${offset} is not page aligned`
            : mapping !== null && offset + sizeBytes > mapping.sizeBytes
              ? `bytes ${offset} to ${offset + sizeBytes} leave the mapping of ${mapping.sizeBytes} bytes`
              : mapping === null && this.#options.guestMemfd === undefined
                ? 'it has neither a mapping nor a guest_memfd'
                : undefined;
    if (problem !== undefined) throw new FaultLabError('BAD_ARGUMENT', `could not create memory slot ${this.slot}: ${problem}`);
  }

  #set(flags: number): void {
    const { slot, gpa, sizeBytes, mapping, offset } = this;
    const { guestMemfd, guestMemfdOffset, userfaultBitmap } = this.#options;
    attempt(`set memory slot ${slot} (gpa 0x${gpa.toString(16)}, ${sizeBytes} bytes, flags 0x${flags.toString(16)})`, () => {
      if (guestMemfd === undefined && userfaultBitmap === undefined) {
        this.#vm.setUserMemoryRegion(slot, flags, gpa, sizeBytes, mapping, offset);
        return;
      }
      this.#vm.setUserMemoryRegion2({
        slot,
        flags,
        gpa,
        sizeBytes,
        mapping,
        offset,
        ...(guestMemfd === undefined ? {} : { guestMemfd, guestMemfdOffset: guestMemfdOffset ?? 0 }),
        ...(userfaultBitmap === undefined ? {} : { userfaultBitmap }),
      });
    });
  }
}
