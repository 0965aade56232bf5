/**
 * Delivers pages: contents into the host view, then a mapping in the guest view, in this order. The order is the whole point: the guest
 * must never see a page that is mapped but not yet filled.
 */
import { EAGAIN, EEXIST, EFAULT, FaultLabError, errnoName } from '../errors/index.js';
import type { PagedWindow } from '../memory/index.js';
import type { NativeFile, NativeUserfaultfd } from '../native/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import type { FillTarget, PageSource } from './page-source.js';

/** UFFDIO_CONTINUE is told EAGAIN while the process's mappings change; that ends by itself, so more than this is a fault of ours. */
const MOST_RETRIES = 1000;

/** See the module's comment. One for each resolver Worker. */
export class PageFiller implements FillTarget {
  private batchOffset = 0;
  private batchSizeBytes = 0;

  constructor(
    private readonly window: PagedWindow,
    private readonly userfaultfd: NativeUserfaultfd,
    private readonly source: PageSource,
  ) {}

  /**
   * Fills and maps `count` pages from `page` on.
   * @throws what the source throws; `UFFD_*` when a page cannot be mapped
   */
  deliver(page: number, count: number): void {
    this.batchOffset = page * PAGE_SIZE;
    this.batchSizeBytes = count * PAGE_SIZE;
    this.source.fill(page, count, this);
    this.map();
  }

  /** {@inheritDoc FillTarget.write} */
  write(offset: number, bytes: Uint8Array): void {
    this.check(offset, bytes.byteLength);
    this.window.hostView.write(this.batchOffset + offset, bytes);
  }

  /** {@inheritDoc FillTarget.preadFrom} */
  preadFrom(file: NativeFile, fileOffset: number, offset: number, lengthBytes: number): number {
    this.check(offset, lengthBytes);
    return this.window.hostView.preadFrom(file, fileOffset, this.batchOffset + offset, lengthBytes);
  }

  private check(offset: number, lengthBytes: number): void {
    if (offset < 0 || offset + lengthBytes > this.batchSizeBytes) {
      throw new RangeError(`a page source wrote bytes ${offset} to ${offset + lengthBytes} of a batch of ${this.batchSizeBytes}`);
    }
  }

  private map(): void {
    let offset = this.batchOffset;
    const end = offset + this.batchSizeBytes;
    for (let retry = 0; offset < end; ) {
      const mapped = this.userfaultfd.continue(this.window.guestView, offset, end - offset, 0);
      if (mapped > 0) {
        offset += mapped;
      } else if (mapped === -EEXIST) {
        // Mapped already: only sleepers that came after it was mapped need a wake-up.
        this.userfaultfd.wake(this.window.guestView, offset, PAGE_SIZE);
        offset += PAGE_SIZE;
      } else if (++retry > MOST_RETRIES || (mapped !== -EAGAIN && mapped !== -EFAULT)) {
        throw new FaultLabError(
          `UFFD_${errnoName(-mapped)}`,
          `UFFDIO_CONTINUE of page ${offset / PAGE_SIZE} failed: ${errnoName(-mapped)}`,
          { syscall: 'UFFDIO_CONTINUE', errno: -mapped },
        );
      } else if (mapped === -EFAULT) {
        // Not in the page cache: the source left this page untouched, so it reads as zero.
        this.window.allocate(offset, end - offset);
      }
    }
  }
}
