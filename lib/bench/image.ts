/**
 * The memory image that a bench pages in: any file, or one made for the purpose. Its checksums are the host's own, computed from the file.
 */
import { closeSync, constants, mkdtempSync, openSync, rmSync, statSync, writeSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultLabError, errnoName, fromNative } from '../errors/index.js';
import { MAX_WINDOW_PAGES, checksumPage } from '../guest/index.js';
import { nativeAddon } from '../native/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import { availableMemoryBytes } from './available-memory.js';
import { randomWords } from './random.js';

/** Size of the image made when none is given and no more pages are asked for: 64 MiB. */
const DEFAULT_IMAGE_BYTES = 64 * 2 ** 20;
const CHUNK_PAGES = 256;
/** Part of the available memory that the pages of an image may take. */
const USABLE_MEMORY = 0.9;

/** A file that can be paged. */
export interface Image {
  readonly path: string;
  /** True when it was made for this run. */
  readonly made: boolean;
  readonly sizeBytes: number;
  /** Whole pages, the last one filled up with zeroes. */
  readonly pageCount: number;
  /** Removes what was made. */
  close(): void;
}

/**
 * Checks a file.
 * @throws FaultLabError `IMAGE_MISSING`, `IMAGE_UNREADABLE`, `IMAGE_EMPTY`, `IMAGE_TOO_LARGE`
 */
export function openImage(path: string): Image {
  const stat = attemptStat(path);
  if (!stat.isFile()) throw new FaultLabError('IMAGE_UNREADABLE', `the image ${path} is no regular file`);
  try {
    closeSync(openSync(path, constants.O_RDONLY));
  } catch (error) {
    throw new FaultLabError('IMAGE_UNREADABLE', `the image ${path} cannot be opened: ${fromNative(error, 'open it').message}`, { cause: error });
  }
  if (stat.size === 0) throw new FaultLabError('IMAGE_EMPTY', `the image ${path} is empty: there is nothing to page`);
  const pageCount = Math.ceil(stat.size / PAGE_SIZE);
  if (pageCount > MAX_WINDOW_PAGES) {
    throw new FaultLabError('IMAGE_TOO_LARGE', `the image ${path} has ${pageCount} pages; a window has at most ${MAX_WINDOW_PAGES}`);
  }
  return { path, made: false, sizeBytes: stat.size, pageCount, close: () => undefined };
}

/**
 * Makes an image of pseudo-random bytes, the same every time, in a temporary folder that {@link Image.close} removes.
 * @param pages - at least; refused before they fill a disk where memory has no room for them
 * @throws FaultLabError `IMAGE_UNWRITABLE`, `IMAGE_TOO_LARGE`
 */
export function makeImage(pages = 0): Image {
  requireMemory(pages);
  const sizeBytes = Math.max(DEFAULT_IMAGE_BYTES, pages * PAGE_SIZE);
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(tmpdir(), 'kvm-faultlab-'));
    const path = join(folder, 'image');
    const file = openSync(path, 'wx');
    try {
      const words = randomWords(0x5eed);
      const chunk = new Int32Array((CHUNK_PAGES * PAGE_SIZE) / 4);
      for (let at = 0; at < sizeBytes; at += chunk.byteLength) {
        for (let i = 0; i < chunk.length; i++) chunk[i] = words();
        writeSync(file, chunk, 0, Math.min(chunk.byteLength, sizeBytes - at));
      }
    } finally {
      closeSync(file);
    }
    const made = folder;
    return { ...openImage(path), made: true, close: () => { rmSync(made, { recursive: true, force: true }); } };
  } catch (error) {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
    throw new FaultLabError('IMAGE_UNWRITABLE', `an image of ${sizeBytes} bytes could not be made in ${tmpdir()}: ${fromNative(error, 'write it').message}`, {
      hint: 'name a file with --image, or set TMPDIR to a folder with room',
      cause: error,
    });
  }
}

/**
 * Refuses to page more than fits into memory.
 * @param pages - pages that will be resident
 * @throws FaultLabError `IMAGE_TOO_LARGE`
 */
export function requireMemory(pages: number): void {
  const available = availableMemoryBytes();
  const needed = pages * PAGE_SIZE;
  if (needed > available * USABLE_MEMORY) {
    const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
    throw new FaultLabError('IMAGE_TOO_LARGE', `paging ${pages} pages takes ${gib(needed)} of memory and ${gib(available)} are available`, {
      hint: 'page fewer with --pages N',
    });
  }
}

/**
 * The host's own checksums of pages of a file.
 * @param pages - pages to sum; others stay 0
 * @returns two 32-bit lanes a page, as {@link checksumPage} lays them out
 * @throws FaultLabError `IMAGE_READ`
 */
export function checksumImage(image: Image, pages: Uint32Array): Int32Array {
  const lanes = new Int32Array(image.pageCount * 2);
  const wanted = new Uint8Array(image.pageCount);
  for (const page of pages) wanted[page] = 1;
  const chunk = new Int32Array((CHUNK_PAGES * PAGE_SIZE) / 4);
  const bytes = new Uint8Array(chunk.buffer);
  const file = nativeAddon().File.open(image.path, constants.O_RDONLY);
  try {
    for (let first = 0; first < image.pageCount; first += CHUNK_PAGES) {
      const count = Math.min(CHUNK_PAGES, image.pageCount - first);
      if (!wanted.subarray(first, first + count).includes(1)) continue;
      chunk.fill(0);
      readFully(image, file, bytes, first * PAGE_SIZE);
      for (let i = 0; i < count; i++) {
        if (wanted[first + i] === 1) checksumPage(chunk, (i * PAGE_SIZE) / 4, first + i, lanes);
      }
    }
  } finally {
    file.close();
  }
  return lanes;
}

function readFully(image: Image, file: { pread(into: Uint8Array, fileOffset: number): number }, into: Uint8Array, offset: number): void {
  const wanted = Math.min(into.byteLength, image.sizeBytes - offset);
  for (let done = 0; done < wanted; ) {
    const got = file.pread(into.subarray(done, wanted), offset + done);
    if (got < 0) throw new FaultLabError('IMAGE_READ', `reading ${image.path} at byte ${offset + done} failed: ${errnoName(-got)}`, { errno: -got });
    if (got === 0) throw new FaultLabError('IMAGE_SHRANK', `${image.path} became shorter while it was read: it ends before byte ${offset + wanted}`);
    done += got;
  }
}

function attemptStat(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    const coded = fromNative(error, `read the image ${path}`);
    throw new FaultLabError(coded.code === 'ENOENT' ? 'IMAGE_MISSING' : 'IMAGE_UNREADABLE', coded.code === 'ENOENT' ? `there is no image ${path}` : coded.message, {
      cause: error,
    });
  }
}
