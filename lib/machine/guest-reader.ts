/**
 * Guest memory as the fault locator may read it: ordinary RAM through a view, the paged window through its host view and only where
 * pages are present. Every address comes from the guest's page tables or registers and is checked.
 */
import type { GuestReader } from '../faults/index.js';
import type { InterceptedPages, PagedWindow, SystemRam } from '../memory/index.js';
import { PAGE_SIZE } from '../uapi/index.js';

/** See the module's comment. One for each vCPU Worker. */
export class MachineReader implements GuestReader {
  low = 0;
  high = 0;
  private readonly entry = new Uint8Array(8);
  private readonly entryWords = new Int32Array(this.entry.buffer);

  /** @param windowBase - gpa of the window's first page */
  constructor(
    private readonly ram: SystemRam,
    private readonly window: PagedWindow,
    private readonly windowBase: number,
    private readonly bitmap: Pick<InterceptedPages, 'test' | 'pageCount'>,
  ) {}

  /** Index of the window page that holds `gpa`, or -1 outside the window. */
  windowPage(gpa: number): number {
    const page = Math.floor((gpa - this.windowBase) / PAGE_SIZE);
    return page >= 0 && page < this.bitmap.pageCount ? page : -1;
  }

  /** {@inheritDoc EntryReader.readEntry} */
  readEntry(gpa: number): boolean {
    const offset = this.ram.offsetOf(gpa, 8);
    if (offset >= 0) {
      this.low = this.ram.words[offset >>> 2];
      this.high = this.ram.words[(offset >>> 2) + 1];
      return true;
    }
    if (!this.readWindow(gpa, this.entry, 8)) return false;
    this.low = this.entryWords[0];
    this.high = this.entryWords[1];
    return true;
  }

  /** {@inheritDoc GuestReader.readBytes} */
  readBytes(gpa: number, into: Uint8Array, lengthBytes: number): boolean {
    const offset = this.ram.offsetOf(gpa, lengthBytes);
    if (offset < 0) return this.readWindow(gpa, into, lengthBytes);
    for (let i = 0; i < lengthBytes; i++) into[i] = this.ram.bytes[offset + i];
    return true;
  }

  /** Reads within one page of the window, when it is present. */
  private readWindow(gpa: number, into: Uint8Array, lengthBytes: number): boolean {
    const page = this.windowPage(gpa);
    if (page < 0 || this.bitmap.test(page) || this.windowPage(gpa + lengthBytes - 1) !== page) return false;
    this.window.hostView.read(gpa - this.windowBase, into.subarray(0, lengthBytes));
    return true;
  }
}
