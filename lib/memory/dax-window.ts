/**
 * A window of guest memory onto a file: what a DAX window of virtio-fs is to its guest. The guest's loads and stores go straight to the file's
 * page cache, so whoever has the file open changes the guest's memory, and whoever truncates it takes memory away from under running vCPUs.
 *
 * The file is mapped twice. The guest view is in the memslot; protecting it or poisoning its pages concerns the guest alone. The host view is
 * for the VMM's own copies. Neither is ever seen by JavaScript, and every host access is a guarded copy: it ends in an error, never in a signal.
 */
import { constants } from 'node:fs';
import { FaultLabError, attempt, fromNative, isCoded } from '../errors/index.js';
import { nativeAddon, type NativeFile, type NativeMapping } from '../native/index.js';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MADV_DONTNEED,
  MAP_NORESERVE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MISSING,
  uffdFeatures,
} from '../uapi/index.js';
import { DaxFile, type DaxFileShare } from './dax-file.js';
import { protectionAt } from './host-protection.js';

/** Where a window's file comes from: one that exists, or a new memfd of so many bytes. */
export type DaxSource = { readonly path: string } | { readonly memfdBytes: number };

/** Why an access to a page of a window fails. */
export type LossCause =
  /** The file ends before the page. */
  | 'truncated'
  /** The file is long enough, and the kernel cannot read it. */
  | 'io-error'
  /** The guest view does not allow the access (mprotect(2)). */
  | 'protection'
  /** The page was lost by the hardware, or declared lost by UFFDIO_POISON. */
  | 'poison'
  /** The access fails, and nothing here says why. */
  | 'unknown';

/** What another Worker needs to open the same window. */
export interface DaxWindowShare {
  readonly hostView: number;
  readonly guestView: number;
  readonly file: DaxFileShare;
}

const READ_WRITE = PROT_READ | PROT_WRITE;

/** See the module's comment. `replace` is for one thread at a time; everything else is for any Worker that has the window. */
export class DaxWindow {
  private readonly probe = new Uint8Array(1);

  private constructor(
    private readonly backing: DaxFile,
    /** Belongs in the memslot. */
    readonly guestView: NativeMapping,
    private readonly hostView: NativeMapping,
  ) {}

  /**
   * Maps a file.
   * @param sizeBytes - of the window, whole pages; the file may be shorter, now or later
   * @param fileOffset - where in the file the window begins, page aligned
   * @throws FaultLabError: what open(2), memfd_create(2) and mmap(2) say, coded
   */
  static create(source: DaxSource, sizeBytes: number, fileOffset = 0): DaxWindow {
    return attempt(`make a DAX window of ${sizeBytes} bytes`, () => {
      const file = openSource(source);
      const mappings: NativeMapping[] = [];
      try {
        for (let view = 0; view < 2; view++) mappings.push(nativeAddon().Mapping.ofFile(file, fileOffset, sizeBytes, READ_WRITE, MAP_NORESERVE));
        return new DaxWindow(DaxFile.create(file, fileOffset), mappings[0], mappings[1]);
      } catch (error) {
        for (const handle of [...mappings, file]) handle.close();
        throw error;
      }
    });
  }

  /** Opens, in this Worker, the window that another one shared. */
  static adopt({ guestView, hostView, file }: DaxWindowShare): DaxWindow {
    const { Mapping } = nativeAddon();
    return new DaxWindow(DaxFile.adopt(file), Mapping.adopt(guestView), Mapping.adopt(hostView));
  }

  get sizeBytes(): number {
    return this.guestView.sizeBytes;
  }

  /** The file that is behind the window now: for leases and whatever else a file can do. Closed by `replace` and `close`. */
  get file(): NativeFile {
    return this.backing.current().file;
  }

  /** Numbers for {@link DaxWindow.adopt}. */
  share(): DaxWindowShare {
    return { hostView: this.hostView.share(), guestView: this.guestView.share(), file: this.backing.share() };
  }

  /** The file's length as it is this moment, bytes. Anybody may change it. */
  fileSizeBytes(): number {
    return attempt('ask for the length of the file behind a DAX window', () => this.file.sizeBytes());
  }

  /** Offset in the window of the first page that the file does not reach: from there on every access fails. */
  backedBytes(): number {
    const { file, fileOffset } = this.backing.current();
    const inWindow = Math.max(0, attempt('ask for the length of the file behind a DAX window', () => file.sizeBytes()) - fileOffset);
    return Math.min(this.sizeBytes, Math.ceil(inWindow / PAGE_SIZE) * PAGE_SIZE);
  }

  /**
   * Makes the window's file longer or shorter (ftruncate(2)), so that it ends `offset` bytes into the window. Bytes that come back are zeroes.
   */
  truncate(offset: number): void {
    const { file, fileOffset } = this.backing.current();
    attempt(`truncate the file behind a DAX window at ${offset}`, () => {
      file.ftruncate(fileOffset + offset);
    });
  }

  /** Punches a hole: the pages stay accessible and read as zeroes. Bytes, offsets in the window. */
  punch(offset: number, lengthBytes: number): void {
    const { file, fileOffset } = this.backing.current();
    attempt(`punch a hole of ${lengthBytes} bytes at ${offset} of a DAX window`, () => {
      file.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, fileOffset + offset, lengthBytes);
    });
  }

  /** Copies bytes of the window. Throws FaultLabError: `MAPPING_SIGBUS` where the file has none, `MAPPING_POISONED`. */
  read(offset: number, into: Uint8Array): void {
    attempt(`read ${into.length} bytes at ${offset} of a DAX window`, () => {
      this.hostView.read(offset, into);
    });
  }

  /** Copies bytes into the window; the file does not grow for them. Throws as `read`. */
  write(offset: number, from: Uint8Array): void {
    attempt(`write ${from.length} bytes at ${offset} of a DAX window`, () => {
      this.hostView.write(offset, from);
    });
  }

  /** mprotect(2) of the guest view, whole pages: what is left of PROT_READ | PROT_WRITE is what the guest may do. */
  protect(offset: number, lengthBytes: number, prot: number): void {
    attempt(`protect ${lengthBytes} bytes at ${offset} of a DAX window`, () => {
      this.guestView.protect(offset, lengthBytes, prot);
    });
  }

  /**
   * Puts another file behind the window. A vCPU sees the old pages or the new ones, never neither (one mmap with MAP_FIXED); protection and poison
   * of the guest view are gone. The old file is closed. The new one belongs to this Worker: the others have it once they have looked at the window, and
   * not if this one lets go of it before.
   * @throws FaultLabError: the old file is still there where the new one cannot be opened or mapped
   */
  replace(source: DaxSource, fileOffset = 0): void {
    attempt('replace the file behind a DAX window', () => {
      const file = openSource(source);
      try {
        for (const view of [this.guestView, this.hostView]) view.mapFixed(file, fileOffset, 0, this.sizeBytes, READ_WRITE);
      } catch (error) {
        file.close();
        throw error;
      }
      this.backing.replace(file, fileOffset);
    });
  }

  /**
   * Poisons a page for the guest (UFFDIO_POISON): the file keeps its contents, the guest's accesses fail as those of lost memory. Only where
   * userfaultfd takes the file: memfd and tmpfs.
   * @throws FaultLabError `UFFD_EINVAL` for a file of another kind; `PAGE_RACED` where a vCPU was quicker each time
   */
  poison(offset: number): void {
    attempt(`poison the page at ${offset} of a DAX window`, () => {
      const uffd = new (nativeAddon().Userfaultfd)(uffdFeatures.POISON);
      try {
        uffd.register(this.guestView, offset, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
        this.guestView.advise(offset, PAGE_SIZE, MADV_DONTNEED);
        const poisoned = uffd.poison(this.guestView, offset, PAGE_SIZE, 0);
        uffd.unregister(this.guestView, offset, PAGE_SIZE);
        if (poisoned !== PAGE_SIZE) throw new FaultLabError('PAGE_RACED', `UFFDIO_POISON returned ${poisoned}`);
      } finally {
        uffd.close();
      }
    });
  }

  /** Takes the poison of {@link poison} away: the guest sees the file's contents again. */
  cure(offset: number): void {
    attempt(`cure the page at ${offset} of a DAX window`, () => {
      this.guestView.advise(offset, PAGE_SIZE, MADV_DONTNEED);
    });
  }

  /**
   * Why an access of the guest's to a page would fail now.
   * @param offset - any byte of the page, in the window
   * @param writes - whether it stores
   * @returns null where it would not: what was lost a moment ago may be back
   */
  causeOfLoss(offset: number, writes: boolean): LossCause | null {
    const page = offset - (offset % PAGE_SIZE);
    if (page >= this.backedBytes()) return 'truncated';
    const failure = this.probeView(this.guestView, page);
    if (failure === null) return writes && !this.isWritable(page) ? 'protection' : null;
    if (failure === 'MAPPING_SIGSEGV') return 'protection';
    if (failure === 'MAPPING_POISONED') return 'poison';
    if (page >= this.backedBytes()) return 'truncated';
    // One view alone fails: the mark is in its page tables, and only UFFDIO_POISON puts one there.
    if (this.probeView(this.hostView, page) === null) return this.probeView(this.guestView, page) === null ? null : 'poison';
    const { file, fileOffset } = this.backing.current();
    if (file.pread(this.probe, fileOffset + page) < 0) return 'io-error';
    return page >= this.backedBytes() ? 'truncated' : 'unknown';
  }

  /** Lets go of this Worker's handles. Idempotent. */
  close(): void {
    for (const handle of [this.guestView, this.hostView, this.backing]) handle.close();
  }

  /** Code of the error that reading a page's first byte ends in; null for none. */
  private probeView(view: NativeMapping, page: number): string | null {
    try {
      view.read(page, this.probe);
      return null;
    } catch (error) {
      if (isCoded(error) && error.code.startsWith('MAPPING_')) return error.code;
      throw fromNative(error, `read the page at ${page} of a DAX window`);
    }
  }

  private isWritable(page: number): boolean {
    const prot = protectionAt(this.guestView.hva + BigInt(page));
    return prot === null || (prot & PROT_WRITE) !== 0;
  }
}

function openSource(source: DaxSource): NativeFile {
  const { File } = nativeAddon();
  return 'path' in source ? File.open(source.path, constants.O_RDWR) : File.memfd('kvm-faultlab-dax', source.memfdBytes);
}
