/**
 * A page source that reads a file: page n of the window is bytes n * 4096 and on of the file, zero beyond its end.
 */
import { constants } from 'node:fs';
import { FaultLabError, errnoName, isCoded } from '../errors/index.js';
import { nativeAddon, type NativeFile } from '../native/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import type { FillTarget, PageSource, PageSourceModule } from './page-source.js';

/** Options of {@link openPageSource}. */
export interface ImageSourceOptions {
  readonly path: string;
  /** Length the file had when the run began: a shorter file is an error, since its pages would silently become zero. */
  readonly sizeBytes: number;
  /** Past the page cache (O_DIRECT), where the file system can. Default false. */
  readonly direct?: boolean;
}

/** Names the image source to resolver Workers. */
export function imageSource(options: ImageSourceOptions): PageSourceModule {
  return { module: import.meta.url, options };
}

/**
 * Entry point for resolver Workers.
 * @throws FaultLabError `IMAGE_NOT_DIRECT` where the file system has no O_DIRECT
 */
export function openPageSource(options: unknown): PageSource {
  return new ImageSource(options as ImageSourceOptions);
}

function open({ path, direct }: ImageSourceOptions): NativeFile {
  const { File } = nativeAddon();
  if (direct !== true) return File.open(path, constants.O_RDONLY);
  try {
    return File.open(path, constants.O_RDONLY | constants.O_DIRECT);
  } catch (error) {
    if (!isCoded(error) || error.code !== 'FILE_EINVAL') throw error;
    throw new FaultLabError('IMAGE_NOT_DIRECT', `the file system of ${path} has no O_DIRECT`, { hint: 'leave direct out, or use an image on a disk', cause: error });
  }
}

class ImageSource implements PageSource {
  private readonly file: NativeFile;

  constructor(private readonly options: ImageSourceOptions) {
    this.file = open(options);
  }

  fill(page: number, count: number, target: FillTarget): void {
    const start = page * PAGE_SIZE;
    const wanted = Math.min(count * PAGE_SIZE, this.options.sizeBytes - start);
    // O_DIRECT takes whole blocks: the file's end cuts the read by itself.
    const asked = this.options.direct === true ? count * PAGE_SIZE : wanted;
    let done = 0;
    while (done < wanted) {
      const got = target.preadFrom(this.file, start + done, done, asked - done);
      if (got === 0) {
        throw new FaultLabError('IMAGE_SHRANK', `${this.options.path} became shorter while it was paged: it ends before byte ${start + wanted}`, {
          hint: 'use a copy that nobody writes to',
        });
      }
      if (got < 0) {
        throw new FaultLabError('IMAGE_READ', `pread of ${this.options.path} at byte ${start + done} failed: ${errnoName(-got)}`, {
          syscall: 'pread',
          errno: -got,
        });
      }
      done += got;
    }
  }

  close(): void {
    this.file.close();
  }
}
