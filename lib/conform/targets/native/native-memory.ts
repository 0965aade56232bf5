/** The window of a native VM: anonymous memory, of which the host can be made to lack single pages. */
import { nativeAddon, type NativeMapping, type NativeUserfaultfd } from '../../../native/index.js';
import { MADV_DONTNEED, MADV_NOHUGEPAGE, MAP_NORESERVE, PAGE_SIZE, PROT_READ, PROT_WRITE, UFFDIO_REGISTER_MODE_MISSING, uffdFeatures } from '../../../uapi/index.js';
import { RET, VALUE_OFFSET, WINDOW_PAGES } from '../../guest/index.js';
import type { ProvideTask } from '../../other-thread/index.js';
import type { HostPage } from '../../vm.js';

const NO_FEATURES = 0n;

/** See the module's comment. */
export class NativeMemory {
  readonly mapping: NativeMapping;
  private readonly uffds = new Map<HostPage, NativeUserfaultfd>();
  private readonly missing = new Map<number, HostPage>();

  constructor() {
    this.mapping = nativeAddon().Mapping.anonymous(WINDOW_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    // Each page is to fault on its own.
    this.mapping.advise(0, this.mapping.sizeBytes, MADV_NOHUGEPAGE);
  }

  /** Writes a page that is there. */
  fill(page: number, value: number): void {
    this.mapping.write(page * PAGE_SIZE, contents(value));
  }

  /** The byte that loads read and stores write. */
  peek(page: number): number {
    const byte = new Uint8Array(1);
    this.mapping.read(page * PAGE_SIZE + VALUE_OFFSET, byte);
    return byte[0];
  }

  /** Takes a page away: KVM finds nothing, and either may sleep for it or not. */
  setHostPage(page: number, state: HostPage): void {
    const offset = page * PAGE_SIZE;
    this.release(page);
    this.mapping.advise(offset, PAGE_SIZE, MADV_DONTNEED);
    this.uffd(state).register(this.mapping, offset, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
    this.missing.set(page, state);
  }

  /** Gives the page back, and wakes whoever sleeps for it. */
  provide(page: number, value: number): void {
    if (this.missing.get(page) === 'sleeps') {
      this.uffd('sleeps').copy(this.mapping, page * PAGE_SIZE, contents(value), 0);
      return;
    }
    this.release(page);
    this.fill(page, value);
  }

  /** What gives a page that sleeps back, for another thread. */
  provision(page: number, value: number): ProvideTask {
    return { kind: 'provide', uffdShare: this.uffd('sleeps').share(), mappingShare: this.mapping.share(), offset: page * PAGE_SIZE, contents: contents(value) };
  }

  /** Gives everything back; who sleeps wakes. */
  close(): void {
    for (const uffd of this.uffds.values()) uffd.close();
    this.mapping.close();
  }

  private release(page: number): void {
    const state = this.missing.get(page);
    if (state !== undefined) this.uffd(state).unregister(this.mapping, page * PAGE_SIZE, PAGE_SIZE);
    this.missing.delete(page);
  }

  private uffd(state: HostPage): NativeUserfaultfd {
    let uffd = this.uffds.get(state);
    if (uffd === undefined) {
      uffd = new (nativeAddon().Userfaultfd)(state === 'fails' ? uffdFeatures.SIGBUS : NO_FEATURES);
      this.uffds.set(state, uffd);
    }
    return uffd;
  }
}

/** A page that a load reads `value` from, and that can be executed. */
function contents(value: number): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  page[0] = RET;
  page[VALUE_OFFSET] = value;
  return page;
}
