/**
 * Where the contents of missing pages come from. A source runs inside resolver Workers, one instance in each, and may block: that is what
 * real storage does.
 */
import type { NativeFile } from '../native/index.js';
import { imageSource, openPageSource as openImage } from './image-source.js';
import type { WakerPlan } from './resolver-waker.js';
import { openPageSource as openZeroes, zeroSource } from './zero-source.js';

/** The pages being filled, seen by a source. Offsets are bytes from the first page of the batch. */
export interface FillTarget {
  /** Copies bytes in. */
  write(offset: number, bytes: Uint8Array): void;
  /** pread(2) straight into the pages: bytes read, or a negative errno. */
  preadFrom(file: NativeFile, fileOffset: number, offset: number, lengthBytes: number): number;
  /**
   * Says that the contents of whole pages are lost where they come from: the guest's access is to meet poisoned memory (UFFDIO_POISON), never
   * zeroes. Ends the run with `UFFD_EINVAL` on kernels before 6.6.
   */
  poison(offset: number, lengthBytes: number): void;
}

/**
 * Fetches of a source that has several under way at once while its resolver does something else. Whenever a page has come, the source wakes the resolver
 * through the {@link WakerPlan} that it was opened with.
 */
export interface BackgroundFetches {
  /** Begins to fetch a page. Never blocks. */
  begin(page: number): void;
  /** Takes a page that has come, so that filling it does not wait; -1 when there is none. Throws when the source is gone for good, which ends the run. */
  take(): number;
}

/** Gives pages their contents. Pages not written read as zero. */
export interface PageSource {
  /** Left out by sources that block. */
  readonly background?: BackgroundFetches;
  /**
   * What a `fill` that throws means. `end-run`, also where left out: the source is no good. `lose-pages`: the pages cannot be had; those of the batch are asked for one
   * by one, so that `fill` must do for the same page twice, and each that fails again is poisoned.
   */
  readonly failure?: 'end-run' | 'lose-pages';
  /**
   * Fills `count` consecutive pages. Throwing ends the run with `RESOLVER_FAILED`, or loses pages, as `failure` says: a page is never delivered half filled.
   * @param page - first page of the window
   */
  fill(page: number, count: number, target: FillTarget): void;
  /** Lets go of what the source holds. */
  close(): void;
}

/**
 * What names a page source to a Worker: a module that exports `openPageSource(options): PageSource`, and plain data that the
 * module understands.
 */
export interface PageSourceModule {
  /** file: URL of an ES module. */
  readonly module: string;
  /** Structured-cloneable options. */
  readonly options: unknown;
}

/** What a page source module exports. */
export interface PageSourceExports {
  /**
   * Opens the source in a resolver Worker.
   * @param waker - of that resolver, for background fetches
   */
  openPageSource(options: unknown, waker: WakerPlan): PageSource | Promise<PageSource>;
}

/** Sources that every thread has loaded already: a file of their own would be read and compiled once more. */
const BUILT_IN: ReadonlyMap<string, PageSourceExports> = new Map([
  [zeroSource().module, { openPageSource: openZeroes }],
  [imageSource({ path: '', sizeBytes: 0 }).module, { openPageSource: openImage }],
]);

/**
 * Loads a source in this Worker.
 * @throws what the module throws, and TypeError when it does not export `openPageSource`
 */
export async function loadPageSource(source: PageSourceModule, waker: WakerPlan): Promise<PageSource> {
  const loaded = BUILT_IN.get(source.module) ?? ((await import(source.module)) as Partial<PageSourceExports>);
  if (typeof loaded.openPageSource !== 'function') {
    throw new TypeError(`${source.module} does not export openPageSource(options)`);
  }
  return loaded.openPageSource(source.options, waker);
}
