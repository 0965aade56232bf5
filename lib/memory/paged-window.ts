/**
 * The demand-paged part of guest memory: one sealed memfd, mapped twice.
 *
 * The guest view goes into the memslot; its pages may be missing. The host view is what the VMM reads and writes; touching it
 * never faults on userfaultfd. A page is delivered by writing the host view and then mapping it into the guest view
 * (UFFDIO_CONTINUE). A VMM that touched the guest view could wait for itself.
 */
import { nativeAddon, type NativeFile, type NativeMapping } from '../native/index.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, MAP_NORESERVE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../uapi/index.js';

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
   * @throws what memfd_create(2), ftruncate(2) and mmap(2) say, coded
   */
  static create(pageCount: number): PagedWindow {
    const addon = nativeAddon();
    const sizeBytes = pageCount * PAGE_SIZE;
    const file = addon.File.memfd('kvm-faultlab-window', sizeBytes, { sealShrink: true });
    const access = PROT_READ | PROT_WRITE;
    const hostView = addon.Mapping.ofFile(file, 0, sizeBytes, access, MAP_NORESERVE);
    const guestView = addon.Mapping.ofFile(file, 0, sizeBytes, access, MAP_NORESERVE);
    return new PagedWindow(file, hostView, guestView);
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

  /** Makes pages missing again, in both views: their contents are gone. */
  discard(page: number, count: number): void {
    this.file.fallocate(
      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
      page * PAGE_SIZE,
      count * PAGE_SIZE,
    );
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
