/**
 * The window of an emulated VM: a page that the model has not mapped is missing from the memory behind the memslot, so that the guest's access of it comes
 * to the VMM; one that it has mapped is there, and no access of it comes to anybody.
 */
import { nativeAddon, type NativeUserfaultfd } from '../../../native/index.js';
import { PagedWindow } from '../../../memory/index.js';
import { MADV_DONTNEED, PAGE_SIZE, UFFDIO_REGISTER_MODE_MINOR, UFFDIO_REGISTER_MODE_MISSING, uffdFeatures } from '../../../uapi/index.js';
import type { SlotModel } from '../../../uapi/proposals/index.js';
import { RET, VALUE_OFFSET, WINDOW_PAGES } from '../../guest/index.js';

/** See the module's comment. */
export class MissingWindow {
  readonly window = PagedWindow.create(WINDOW_PAGES);
  private readonly uffd: NativeUserfaultfd;
  private readonly present = new Uint8Array(WINDOW_PAGES);
  private readonly page = new Uint8Array(PAGE_SIZE);

  /** @throws FaultLabError where userfaultfd has no minor mode */
  constructor() {
    this.uffd = new (nativeAddon().Userfaultfd)(uffdFeatures.SIGBUS | uffdFeatures.MINOR_SHMEM | uffdFeatures.MISSING_SHMEM);
    const { guestView } = this.window;
    this.uffd.register(guestView, 0, guestView.sizeBytes, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR);
  }

  /** Writes contents through the host's view. */
  fill(page: number, value: number): void {
    this.page.fill(0);
    this.page[0] = RET;
    this.page[VALUE_OFFSET] = value;
    this.window.hostView.write(page * PAGE_SIZE, this.page);
  }

  /** The byte that loads read and stores write. */
  peek(page: number): number {
    const byte = new Uint8Array(1);
    this.window.hostView.read(page * PAGE_SIZE + VALUE_OFFSET, byte);
    return byte[0];
  }

  /** Makes missing what the model has not mapped any more. */
  sync(slot: SlotModel): void {
    for (let page = 0; page < WINDOW_PAGES; page++) if (this.present[page] === 1 && !slot.isMapped(page)) this.take(page);
  }

  /** The page is there for the guest, with what was written, or zeroes. */
  map(page: number): void {
    const offset = page * PAGE_SIZE;
    this.window.allocate(offset, PAGE_SIZE);
    this.uffd.continue(this.window.guestView, offset, PAGE_SIZE, 0);
    this.present[page] = 1;
  }

  /** Gives everything back. */
  close(): void {
    this.uffd.close();
    this.window.close();
  }

  private take(page: number): void {
    this.window.guestView.advise(page * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
    this.present[page] = 0;
  }
}
