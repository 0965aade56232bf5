import { attempt, FaultLabError } from '../errors/index.js';
import { nativeAddon } from '../native/index.js';
import type { NativeMapping, NativeVm } from '../native/addon.js';
import {
  gpa as checkedGpa,
  KVM_MEM_GUEST_MEMFD,
  KVM_MEMORY_ATTRIBUTE_PRIVATE,
  MAP_NORESERVE,
  PAGE_SIZE,
  PROT_NONE,
  type Gpa,
} from '../uapi/index.js';
import type { GuestMemfd } from './guest-memfd.js';

/** Where guest memory comes from and where the guest sees it. Sizes and offsets in bytes, multiples of the page size. */
export interface MemorySlotOptions {
  /** Number of the slot; one number holds one slot of a VM. */
  readonly slot: number;
  readonly gpa: Gpa;
  readonly sizeBytes: number;
  /**
   * Host memory behind the slot; an access KVM cannot satisfy from it is a fault under test. Null only with guest_memfd: an access that
   * is to be served from host memory all the same then fails with EFAULT.
   */
  readonly mapping: NativeMapping | null;
  /** Start within `mapping`; 0 where left out. */
  readonly offset?: number;
  /** KVM_MEM_* bits; KVM_MEM_GUEST_MEMFD is added with `guestMemfd`. */
  readonly flags?: number;
  /** Memory of the guest's own behind the slot: for pages that are private, or for all where it can be mapped (GUEST_MEMFD_FLAG_MMAP). */
  readonly guestMemfd?: GuestMemfd;
  /** Start within `guestMemfd`; 0 where left out. */
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
  /** What stands behind the slot's host addresses: `mapping`, or nothing at all. */
  readonly #memory: NativeMapping | null;
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
    // KVM wants an address. One range that nobody can access is as good as none; 0 and up may be this process's own code.
    this.#memory = this.mapping ?? attempt(`reserve ${this.sizeBytes} bytes of addresses`, () => nativeAddon().Mapping.anonymous(this.sizeBytes, PROT_NONE, MAP_NORESERVE));
    try {
      this.#set(this.#flags);
    } catch (error) {
      this.#release();
      throw error;
    }
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
    this.#release();
  }

  /**
   * Makes pages private to the guest (served from the guest_memfd) or shared with the host (served from the mapping); KVM_SET_MEMORY_ATTRIBUTES.
   * All pages of a slot are shared at first. What was in a page does not move with it.
   * @param isPrivate - KVM_MEMORY_ATTRIBUTE_PRIVATE, or no attribute
   * @param offset - bytes from the slot's start, page aligned
   * @param sizeBytes - whole pages; the rest of the slot where left out
   * @throws FaultLabError: `BAD_ARGUMENT` outside the slot, `KVM_EINVAL` where this VM has no such attribute
   */
  setPrivate(isPrivate: boolean, offset = 0, sizeBytes: number = this.sizeBytes - offset): void {
    if (!(offset >= 0 && sizeBytes > 0 && offset + sizeBytes <= this.sizeBytes)) {
      throw new FaultLabError('BAD_ARGUMENT', `bytes ${offset} to ${offset + sizeBytes} leave memory slot ${this.slot} of ${this.sizeBytes} bytes`);
    }
    attempt(`make ${sizeBytes} bytes of memory slot ${this.slot} ${isPrivate ? 'private' : 'shared'}`, () =>
      this.#vm.setMemoryAttributes(checkedGpa(this.gpa + BigInt(offset)), sizeBytes, isPrivate ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0),
    );
  }

  /** Lets go of the address range that this slot reserved; the VM keeps what its slots need. */
  #release(): void {
    if (this.mapping === null) this.#memory?.close();
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
    const { slot, gpa, sizeBytes, offset } = this;
    const mapping = this.#memory;
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
        ...(guestMemfd === undefined ? {} : { guestMemfd: guestMemfd.file, guestMemfdOffset: guestMemfdOffset ?? 0 }),
        ...(userfaultBitmap === undefined ? {} : { userfaultBitmap }),
      });
    });
  }
}
