/** Interception bits as a kernel with a proposal reads them: in memory of this process, or as memory attributes. */
import type { Vm } from '../../../kvm/index.js';
import { nativeAddon, type NativeMapping } from '../../../native/index.js';
import { MAP_POPULATE, PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE, gpa } from '../../../uapi/index.js';
import { windowGpa } from '../guest-vm.js';

/** Where a page's bits are. */
export interface InterceptionBits {
  get(page: number): number;
  set(page: number, bits: number): void;
  /** Makes them unreadable for KVM. */
  hide(): void;
  /** hva of the bitmap. */
  readonly hva: bigint;
  close(): void;
}

/** A bitmap of one or two bits a page. One thread writes it. */
export class BitmapBits implements InterceptionBits {
  private readonly mapping: NativeMapping = nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_POPULATE);
  private readonly byte = new Uint8Array(1);

  constructor(private readonly bitsPerPage: 1 | 2) {}

  get hva(): bigint {
    return this.mapping.hva;
  }

  get(page: number): number {
    const bit = page * this.bitsPerPage;
    this.mapping.read(bit >>> 3, this.byte);
    return (this.byte[0] >>> (bit & 7)) & this.mask;
  }

  set(page: number, bits: number): void {
    const bit = page * this.bitsPerPage;
    this.mapping.read(bit >>> 3, this.byte);
    this.byte[0] = (this.byte[0] & ~(this.mask << (bit & 7))) | ((bits & this.mask) << (bit & 7));
    this.mapping.write(bit >>> 3, this.byte);
  }

  hide(): void {
    this.mapping.protect(0, PAGE_SIZE, PROT_NONE);
  }

  close(): void {
    this.mapping.close();
  }

  private get mask(): number {
    return (1 << this.bitsPerPage) - 1;
  }
}

/** KVM_MEMORY_ATTRIBUTE_USERFAULT of the series of July 2024. */
const KVM_MEMORY_ATTRIBUTE_USERFAULT = 1 << 4;

/** Attributes, which KVM keeps itself. */
export class AttributeBits implements InterceptionBits {
  readonly hva = 0n;
  private readonly bits = new Map<number, number>();

  constructor(private readonly vm: Vm) {}

  get(page: number): number {
    return this.bits.get(page) ?? 0;
  }

  set(page: number, bits: number): void {
    this.bits.set(page, bits);
    this.vm.setMemoryAttributes(gpa(windowGpa(page)), PAGE_SIZE, bits === 0 ? 0 : KVM_MEMORY_ATTRIBUTE_USERFAULT);
  }

  hide(): void {
    // KVM's own memory is always readable.
  }

  close(): void {
    // They go with the VM.
  }
}
