/** What pages hold and where they come from: a file, nothing (zeroes), or a server; with the host's own checksums of them. */
import { FaultLabError } from '../errors/index.js';
import { imageSource, zeroSource, type PageSourceModule } from '../faults/index.js';
import { checksumPage } from '../guest/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import { checksumImage, makeImage, openImage } from './image.js';
import { openNbdContents } from './nbd-contents.js';
import { parseSource } from './source-option.js';

/** See the module's comment. */
export interface Contents {
  /** For people: a path, a server, or that it was made. */
  readonly name: string;
  /** True for a file made for this run. */
  readonly made: boolean;
  readonly sizeBytes: number;
  /** Whole pages, the last one filled up with zeroes. */
  readonly pageCount: number;
  /** What resolvers read pages from. */
  source(options: { readonly inFlight: number }): PageSourceModule;
  /**
   * The host's own checksums of pages, two 32-bit lanes each as {@link checksumPage} lays them out; of pages not asked for 0.
   * @throws FaultLabError `IMAGE_READ`, `IMAGE_SHRANK`, `NBD_*`
   */
  checksums(pages: Uint32Array): Promise<Int32Array>;
  /** Removes what was made, closes what is open. */
  close(): void;
}

/** What is asked for. */
export interface ContentsOptions {
  /** As `--source` takes it. */
  readonly source: string;
  /** A file; for a server, what its export is held to. */
  readonly image?: string;
  /** Most pages that any run visits; undefined: all there are. */
  readonly pages?: number;
}

/** Pages of zeroes where nobody says how many: as many as the image that is made has. */
const ZERO_PAGES = 16_384;

/**
 * Opens or makes what is to be paged.
 * @throws FaultLabError `BAD_OPTION`, `IMAGE_*`, `NBD_*`
 */
export async function openContents(options: ContentsOptions): Promise<Contents> {
  const source = parseSource(options.source);
  switch (source.kind) {
    case 'file':
      return fileContents(options, source.direct);
    case 'zero':
      if (options.image !== undefined) throw new FaultLabError('BAD_OPTION', '--source zero has no image: leave --image out');
      return zeroContents(options.pages ?? ZERO_PAGES);
    case 'nbd':
      return await openNbdContents(source.address, options.image);
  }
}

function fileContents({ image: path, pages }: ContentsOptions, direct: boolean): Contents {
  const image = path === undefined ? makeImage(pages) : openImage(path);
  return {
    name: image.made ? 'made for this run' : image.path,
    made: image.made,
    sizeBytes: image.sizeBytes,
    pageCount: image.pageCount,
    source: () => imageSource({ path: image.path, sizeBytes: image.sizeBytes, direct }),
    checksums: (wanted) => Promise.resolve(checksumImage(image, wanted)),
    close: () => {
      image.close();
    },
  };
}

function zeroContents(pageCount: number): Contents {
  return {
    name: 'zeroes',
    made: false,
    sizeBytes: pageCount * PAGE_SIZE,
    pageCount,
    source: () => zeroSource(),
    checksums: (wanted) => {
      const lanes = new Int32Array(2 * pageCount);
      const page = new Int32Array(PAGE_SIZE / 4);
      for (const at of wanted) checksumPage(page, 0, at, lanes);
      return Promise.resolve(lanes);
    },
    close: () => undefined,
  };
}
