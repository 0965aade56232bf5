import { attempt } from '../errors/index.js';
import { nativeAddon, type NativeFile, type NativeMapping } from '../native/index.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, PROT_READ, PROT_WRITE } from '../uapi/index.js';

/**
 * Guest memory that belongs to one VM and need not be mapped by anybody else (api.rst, KVM_CREATE_GUEST_MEMFD). Made by
 * `Vm.createGuestMemfd`, bound to guest physical addresses by `Vm.createMemorySlot`. Its length is fixed; pages come zeroed at the
 * guest's first access. Offsets and lengths in bytes, multiples of the page size.
 */
export class GuestMemfd {
  /** @internal GuestMemfds come from `Vm.createGuestMemfd` and `GuestMemfd.adopt`. */
  constructor(
    /** The descriptor: for what has no method here. */
    readonly file: NativeFile,
  ) {}

  /** A handle of this thread's own to the one behind `share`. Throws FaultLabError `BAD_SHARE`. */
  static adopt(share: number): GuestMemfd {
    return new GuestMemfd(attempt(`adopt guest_memfd ${share}`, () => nativeAddon().File.adopt(share)));
  }

  get sizeBytes(): number {
    return attempt('ask a guest_memfd for its size', () => this.file.sizeBytes());
  }
  get closed(): boolean {
    return this.file.closed;
  }
  /** A process-wide number for `adopt` in a Worker. */
  share(): number {
    return this.file.share();
  }
  /** Releases this handle; slots bound to it keep the memory. Idempotent. */
  close(): void {
    this.file.close();
  }

  /**
   * Maps a part for reading and writing by the host. It takes GUEST_MEMFD_FLAG_MMAP, and GUEST_MEMFD_FLAG_INIT_SHARED for an access to
   * succeed. Throws FaultLabError: `MAPPING_ENODEV` without the former.
   */
  map(offset = 0, sizeBytes = this.sizeBytes - offset): NativeMapping {
    return attempt(`map ${sizeBytes} bytes of a guest_memfd at ${offset}`, () => nativeAddon().Mapping.ofFile(this.file, offset, sizeBytes, PROT_READ | PROT_WRITE));
  }

  /**
   * Gives the memory of a range back: the next access finds new pages of zeroes. The only way to have good memory again where a page is
   * poisoned.
   */
  punchHole(offset: number, lengthBytes: number): void {
    attempt(`punch a hole of ${lengthBytes} bytes at ${offset} into a guest_memfd`, () => {
      this.file.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, lengthBytes);
    });
  }
}
