/**
 * Ordinary guest memory: always present, one mapping for guest and VMM, seen by JavaScript through views made once.
 * It holds what must never fault under test: page tables, descriptor tables, the guest's code and data, the mailbox.
 */
import { attempt } from '../errors/index.js';
import { nativeAddon, type NativeFile, type NativeMapping } from '../native/index.js';
import { MAP_NORESERVE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../uapi/index.js';
import { type GpaNumber, gpaNumber } from './address.js';

/** A contiguous range of ordinary guest memory starting at one gpa. */
export class SystemRam {
  /** All of it, as bytes. */
  readonly bytes: Uint8Array;
  /** All of it, as 32-bit words (an Atomics target). */
  readonly words: Int32Array;
  /** All of it, for mixed access. */
  readonly data: DataView;

  private constructor(
    private readonly file: NativeFile,
    readonly mapping: NativeMapping,
    readonly base: GpaNumber,
  ) {
    const buffer = mapping.view();
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.data = new DataView(buffer);
  }

  /**
   * New memory, all zeroes.
   * @param base - gpa of the first byte, page aligned
   * @param sizeBytes - multiple of the page size
   * @throws FaultLabError: what memfd_create(2) and mmap(2) say, coded
   */
  static create(base: GpaNumber, sizeBytes: number): SystemRam {
    return attempt(`make ${sizeBytes} bytes of guest memory`, () => {
      const addon = nativeAddon();
      const file = addon.File.memfd('kvm-faultlab-ram', sizeBytes, { sealShrink: true });
      return new SystemRam(file, addon.Mapping.ofFile(file, 0, sizeBytes, PROT_READ | PROT_WRITE, MAP_NORESERVE), base);
    });
  }

  /** Opens, in this Worker, the memory that another one shared. */
  static adopt(share: SystemRamShare): SystemRam {
    const addon = nativeAddon();
    return new SystemRam(addon.File.adopt(share.file), addon.Mapping.adopt(share.mapping), gpaNumber(share.base));
  }

  get sizeBytes(): number {
    return this.bytes.byteLength;
  }

  /** Numbers for {@link SystemRam.adopt}. */
  share(): SystemRamShare {
    return { file: this.file.share(), mapping: this.mapping.share(), base: this.base };
  }

  /**
   * Offset of a gpa that may come from the guest, or -1 when the range is not wholly inside.
   * @param gpa - bytes, any Number
   * @param lengthBytes - length of the access
   */
  offsetOf(gpa: number, lengthBytes: number): number {
    const offset = gpa - this.base;
    return offset >= 0 && offset + lengthBytes <= this.bytes.byteLength ? offset : -1;
  }

  /** Lets go of this Worker's handles; the views are detached. */
  close(): void {
    this.mapping.close();
    this.file.close();
  }
}

/** What another Worker needs to open the same memory. */
export interface SystemRamShare {
  readonly file: number;
  readonly mapping: number;
  readonly base: number;
}

/** Rounds up to whole pages. */
export function pageAlign(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE_SIZE) * PAGE_SIZE;
}
