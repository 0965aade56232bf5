/** The files that a run of a loop needs: the image, and for the C reference its order and checksums. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromNative } from '../../errors/index.js';
import { checksumImage, makeImage, type Image } from '../image.js';

/** See the module's comment. */
export interface LoopFiles {
  readonly image: Image;
  readonly order: Uint32Array;
  /** Checksum lanes by page. */
  readonly expected: Int32Array;
  /** Path of `order` as a file. */
  readonly orderPath: string;
  /** Path of `expected` as a file. */
  readonly expectedPath: string;
  /** Where the reference writes its guest's checksums and latencies. */
  readonly sumsPath: string;
  readonly latenciesPath: string;
  /** Removes all of them. */
  close(): void;
}

/**
 * Makes the files for a visiting order.
 * @param orderOf - makes the order for an image of so many pages
 * @throws FaultLabError `IMAGE_*`, or what the file system says, coded
 */
export function makeLoopFiles(orderOf: (imagePages: number) => Uint32Array): LoopFiles {
  const image = makeImage();
  let folder: string | null = null;
  const close = (): void => {
    image.close();
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const order = orderOf(image.pageCount);
    const expected = checksumImage(image, order);
    folder = mkdtempSync(join(tmpdir(), 'kvm-faultlab-speed-'));
    const path = (name: string): string => join(folder ?? '', name);
    writeFileSync(path('order'), order);
    writeFileSync(path('expected'), expected);
    return { image, order, expected, orderPath: path('order'), expectedPath: path('expected'), sumsPath: path('sums'), latenciesPath: path('latencies'), close };
  } catch (error) {
    close();
    throw fromNative(error, 'make the files of the loops');
  }
}

/** The table of 64-bit values that the reference wrote. */
export function readTable(path: string): BigUint64Array<ArrayBuffer> {
  const bytes = readFileSync(path);
  const table = new BigUint64Array(Math.floor(bytes.byteLength / 8));
  new Uint8Array(table.buffer).set(bytes.subarray(0, table.byteLength));
  return table;
}
