/**
 * Delivers pages: contents into the host view, then a mapping in the guest view, in this order. The order is the whole point: the guest
 * must never see a page that is mapped but not yet filled.
 */
import { EAGAIN, EEXIST, EFAULT, FaultLabError, errnoName } from '../errors/index.js';
import type { PagedWindow } from '../memory/index.js';
import type { NativeFile, NativeUserfaultfd } from '../native/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import type { FillTarget, PageSource } from './page-source.js';

/** Most pages of one batch. */
export const MOST_BATCHED_PAGES = 64;

/** UFFDIO_CONTINUE and UFFDIO_POISON are told EAGAIN while the process's mappings change; that ends by itself, so more than this is a fault of ours. */
const MOST_RETRIES = 1000;

/** See the module's comment. One for each resolver Worker. */
export class PageFiller implements FillTarget {
  private batchOffset = 0;
  private batchSizeBytes = 0;
  /** Pages of the batch whose contents are lost. */
  private readonly lost = new Uint8Array(MOST_BATCHED_PAGES);

  constructor(
    private readonly window: PagedWindow,
    private readonly userfaultfd: NativeUserfaultfd,
    private readonly source: PageSource,
  ) {}

  /**
   * Fills and maps `count` pages from `page` on, at most {@link MOST_BATCHED_PAGES}.
   * @throws what the source throws; `UFFD_*` when a page cannot be mapped
   */
  deliver(page: number, count: number): void {
    this.batchOffset = page * PAGE_SIZE;
    this.batchSizeBytes = count * PAGE_SIZE;
    this.lost.fill(0);
    this.fill(page, count);
    for (let start = 0; start < count; ) {
      const lost = this.lost[start];
      let end = start + 1;
      while (end < count && this.lost[end] === lost) end++;
      if (lost === 0) this.map((page + start) * PAGE_SIZE, (page + end) * PAGE_SIZE);
      else this.mapPoison((page + start) * PAGE_SIZE, (page + end) * PAGE_SIZE);
      start = end;
    }
  }

  /** True for a page of the last batch whose contents are lost. */
  isPoisoned(page: number): boolean {
    return this.lost[page - this.batchOffset / PAGE_SIZE] === 1;
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

  /** {@inheritDoc FillTarget.poison} */
  poison(offset: number, lengthBytes: number): void {
    this.check(offset, lengthBytes);
    if (offset % PAGE_SIZE !== 0 || lengthBytes % PAGE_SIZE !== 0) {
      throw new RangeError(`a page source said that bytes ${offset} to ${offset + lengthBytes} of a batch are lost: only whole pages can be`);
    }
    this.lost.fill(1, offset / PAGE_SIZE, (offset + lengthBytes) / PAGE_SIZE);
  }

  private fill(page: number, count: number): void {
    try {
      this.source.fill(page, count, this);
    } catch (error) {
      if (this.source.failure !== 'lose-pages') throw error;
      this.lost.fill(0);
      // Which page of several it was about, nobody says.
      for (let at = 0; at < count; at++) if (count === 1 || !this.fillAlone(page + at)) this.lost[at] = 1;
    }
  }

  /** Fills one page of a batch as a batch of its own; false where its contents cannot be had. */
  private fillAlone(page: number): boolean {
    const { batchOffset, batchSizeBytes, lost } = this;
    const before = lost.slice();
    this.batchOffset = page * PAGE_SIZE;
    this.batchSizeBytes = PAGE_SIZE;
    lost[0] = 0;
    try {
      this.source.fill(page, 1, this);
      return lost[0] === 0;
    } catch {
      return false;
    } finally {
      this.batchOffset = batchOffset;
      this.batchSizeBytes = batchSizeBytes;
      lost.set(before);
    }
  }

  private check(offset: number, lengthBytes: number): void {
    if (offset < 0 || offset + lengthBytes > this.batchSizeBytes) {
      throw new RangeError(`a page source wrote bytes ${offset} to ${offset + lengthBytes} of a batch of ${this.batchSizeBytes}`);
    }
  }

  private map(start: number, end: number): void {
    for (let offset = start, retry = 0; offset < end; ) {
      const mapped = this.userfaultfd.continue(this.window.guestView, offset, end - offset, 0);
      if (mapped > 0) {
        offset += mapped;
      } else if (mapped === -EEXIST) {
        // Mapped already: only sleepers that came after it was mapped need a wake-up.
        this.userfaultfd.wake(this.window.guestView, offset, PAGE_SIZE);
        offset += PAGE_SIZE;
      } else if (++retry > MOST_RETRIES || (mapped !== -EAGAIN && mapped !== -EFAULT)) {
        refuse('UFFDIO_CONTINUE', offset, -mapped);
      } else if (mapped === -EFAULT) {
        // Not in the page cache: the source left this page untouched, so it reads as zero.
        this.window.allocate(offset, end - offset);
      }
    }
  }
  private mapPoison(start: number, end: number): void {
    for (let offset = start, retry = 0; offset < end; ) {
      const poisoned = this.userfaultfd.poison(this.window.guestView, offset, end - offset, 0);
      if (poisoned > 0) offset += poisoned;
      // EEXIST too: the guest has the page, and what it reads there are not the contents.
      else if (++retry > MOST_RETRIES || poisoned !== -EAGAIN) refuse('UFFDIO_POISON', offset, -poisoned);
    }
  }
}

function refuse(call: string, offset: number, errno: number): never {
  throw new FaultLabError(`UFFD_${errnoName(errno)}`, `${call} of page ${offset / PAGE_SIZE} failed: ${errnoName(errno)}`, { syscall: call, errno });
}
