/** The pages of an NBD export, with checksums of what the server itself says, or of a file that the export is held to. */
import { FaultLabError } from '../errors/index.js';
import { NbdConnection, nbdSource, type NbdAddress } from '../faults/index.js';
import { MAX_WINDOW_PAGES, checksumPage } from '../guest/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import type { Contents } from './contents.js';
import { checksumImage, openImage } from './image.js';

/** Reads at once while checksums are made. */
const READS_AT_ONCE = 64;
/** Of one resolver where nobody says. */
const DEFAULT_IN_FLIGHT = 64;

/**
 * Connects and asks how large the export is.
 * @param image - file that has the same contents; left out, the export is read before the run
 * @throws FaultLabError `NBD_*`, `IMAGE_*`
 */
export async function openNbdContents(address: NbdAddress, image: string | undefined): Promise<Contents> {
  const connection = await NbdConnection.open(address);
  const { sizeBytes } = connection.export;
  connection.close();
  const pageCount = Math.ceil(sizeBytes / PAGE_SIZE);
  if (pageCount === 0) throw new FaultLabError('IMAGE_EMPTY', `the export ${address.uri} is empty: there is nothing to page`);
  if (pageCount > MAX_WINDOW_PAGES) throw new FaultLabError('IMAGE_TOO_LARGE', `the export ${address.uri} has ${pageCount} pages; a window has at most ${MAX_WINDOW_PAGES}`);
  const file = image === undefined ? null : openImage(image);
  if (file !== null && file.sizeBytes !== sizeBytes) {
    throw new FaultLabError('BAD_OPTION', `the image ${file.path} has ${file.sizeBytes} bytes and the export ${address.uri} ${sizeBytes}: they are not the same contents`);
  }
  return {
    name: address.uri,
    made: false,
    sizeBytes,
    pageCount,
    source: ({ inFlight }) => nbdSource({ address, inFlight: inFlight === 0 ? DEFAULT_IN_FLIGHT : inFlight }),
    checksums: async (pages) => (file === null ? await checksumExport(address, pageCount, sizeBytes, pages) : checksumImage(file, pages)),
    close: () => undefined,
  };
}

/** Pages that the server refuses have no checksum: the run will come to the same refusal, and lose them. */
async function checksumExport(address: NbdAddress, pageCount: number, sizeBytes: number, pages: Uint32Array): Promise<Int32Array> {
  const lanes = new Int32Array(2 * pageCount);
  const wanted = new Set(pages).values();
  await new Promise<void>((resolve, reject) => {
    let underWay = 0;
    const fail = (error: unknown): void => {
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    NbdConnection.open(address, fail).then((connection) => {
      const readMore = (): void => {
        while (underWay < READS_AT_ONCE) {
          const { value: page, done } = wanted.next();
          if (done === true) break;
          underWay++;
          const offset = page * PAGE_SIZE;
          connection.read(offset, Math.min(PAGE_SIZE, sizeBytes - offset), (_error, bytes) => {
            if (bytes !== null) checksum(page, bytes, lanes);
            underWay--;
            readMore();
          });
        }
        if (underWay > 0) return;
        connection.close();
        resolve();
      };
      readMore();
    }, fail);
  });
  return lanes;
}

function checksum(page: number, bytes: Buffer, lanes: Int32Array): void {
  const whole = new Uint8Array(PAGE_SIZE);
  whole.set(bytes);
  checksumPage(new Int32Array(whole.buffer), 0, page, lanes);
}
