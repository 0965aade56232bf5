/**
 * The demand-paged part of guest memory: two mappings of one sealed memfd.
 *
 * Only the mapping behind the memslot (the guest view) is registered with userfaultfd. The VMM fills pages through the other one
 * (the host view), so it never waits for a fault that it has to resolve itself; UFFDIO_CONTINUE then makes the page present for the guest.
 */
import { attempt } from '../errors/index.js';
import { nativeAddon, type NativeFile, type NativeMapping } from '../native/index.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, MADV_DONTNEED, MAP_NORESERVE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../uapi/index.js';

/** What another Worker needs to open the same window. */
export interface PagedWindowShare {
  readonly hostView: number;
  readonly guestView: number;
  readonly file: number;
}

/** See the module's comment. */
export class PagedWindow {
  private constructor(
    private readonly file: NativeFile,
    /** Written by resolvers; complete and readable at all times (a page never written reads as zero). */
    readonly hostView: NativeMapping,
    /** Belongs in the memslot. Never seen by JavaScript. */
    readonly guestView: NativeMapping,
  ) {}

  /**
   * A new window, all pages missing.
   * @param pageCount - length in 4 KiB pages
   * @throws FaultLabError: what memfd_create(2), ftruncate(2) and mmap(2) say, coded
   */
  static create(pageCount: number): PagedWindow {
    const sizeBytes = pageCount * PAGE_SIZE;
    return attempt(`make a window of ${pageCount} pages`, () => {
      const addon = nativeAddon();
      const file = addon.File.memfd('kvm-faultlab-window', sizeBytes, { sealShrink: true });
      const map = (): NativeMapping => addon.Mapping.ofFile(file, 0, sizeBytes, PROT_READ | PROT_WRITE, MAP_NORESERVE);
      return new PagedWindow(file, map(), map());
    });
  }

  /** Opens, in this Worker, the window that another one shared. */
  static adopt(share: PagedWindowShare): PagedWindow {
    const addon = nativeAddon();
    return new PagedWindow(
      addon.File.adopt(share.file),
      addon.Mapping.adopt(share.hostView),
      addon.Mapping.adopt(share.guestView),
    );
  }

  /** Length in 4 KiB pages. */
  get pageCount(): number {
    return this.hostView.sizeBytes / PAGE_SIZE;
  }

  /** Numbers for {@link PagedWindow.adopt}. */
  share(): PagedWindowShare {
    return { hostView: this.hostView.share(), guestView: this.guestView.share(), file: this.file.share() };
  }

  /** Makes pages missing again, in both views: their contents are gone, and so is poison. */
  discard(page: number, count: number): void {
    const offset = page * PAGE_SIZE;
    const lengthBytes = count * PAGE_SIZE;
    this.file.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, lengthBytes);
    // A hole leaves the mark of poison in page tables: it might stand for contents of the mapping's own.
    for (const view of [this.guestView, this.hostView]) view.advise(offset, lengthBytes, MADV_DONTNEED);
  }

  /** Gives untouched pages their zeroes in the page cache; pages that have contents keep them. Bytes, page aligned. */
  allocate(offset: number, lengthBytes: number): void {
    this.file.fallocate(FALLOC_FL_KEEP_SIZE, offset, lengthBytes);
  }

  /** Lets go of this Worker's handles. */
  close(): void {
    this.guestView.close();
    this.hostView.close();
    this.file.close();
  }
}
