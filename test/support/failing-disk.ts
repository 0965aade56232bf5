/**
 * A file on a disk that fails: a file system on a loop device, whose own file is cut short. What lies behind the cut cannot be read (EIO), and comes back with
 * the bytes. The mount is detached and the loop device marked to clear itself as soon as the file is open: the last handle takes everything away.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAGE_SIZE } from '../../lib/uapi/index.js';
import { foreignEnvironment } from './foreign-programs.js';

const DISK_BYTES = 4 * 1024 * 1024;

/** See the module's comment. */
export class FailingDisk {
  private constructor(
    private readonly directory: string,
    private readonly disk: number,
    private readonly contents: Buffer,
    /** Where each page of the file is on the disk, ascending. */
    private readonly pages: readonly number[],
    /** To be opened as long as the disk is not closed. */
    private readonly file: number,
  ) {}

  /** A disk with a file of random pages; or the reason why this host has none. */
  static create(pageCount: number): FailingDisk | string {
    if (process.getuid?.() !== 0) return 'only root can attach a loop device';
    if (!existsSync('/dev/loop-control')) return 'this kernel has no loop devices';
    const directory = mkdtempSync(join(tmpdir(), 'kvm-faultlab-disk-'));
    const image = join(directory, 'image');
    const mount = join(directory, 'mount');
    const mounted = <T>(body: () => T): T => {
      const device = run('losetup', '--find', '--show', '--direct-io=on', image).trim();
      try {
        // Who reads one page is not to have its neighbours as well.
        run('blockdev', '--setra', '0', device);
        run('mount', device, mount);
      } finally {
        run('losetup', '--detach', device);
      }
      try {
        return body();
      } finally {
        run('umount', '--lazy', mount);
      }
    };
    try {
      writeFileSync(image, '');
      truncateSync(image, DISK_BYTES);
      mkdirSync(mount);
      run('mkfs.ext2', '-q', '-F', '-b', String(PAGE_SIZE), image);
      const data = Buffer.from(Array.from({ length: pageCount * PAGE_SIZE }, () => Math.floor(Math.random() * 256)));
      mounted(() => {
        writeFileSync(join(mount, 'file'), data, { flush: true });
      });
      // Mounted anew: nothing of it is in the page cache.
      const file = mounted(() => openSync(join(mount, 'file'), 'r+'));
      const contents = readFileSync(image);
      const pages = Array.from({ length: pageCount }, (_, page) => contents.indexOf(data.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)));
      return new FailingDisk(directory, openSync(image, 'r+'), contents, pages, file);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      return `no file system on a loop device: ${error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error)}`;
    }
  }

  /** Opens the file. */
  get path(): string {
    return `/proc/self/fd/${this.file}`;
  }

  /** From a page of the file on, nothing can be read that has not been read before. False where the file does not lie in order on the disk. */
  failFrom(page: number): boolean {
    const ascending = this.pages.every((at, index) => at > (index === 0 ? 0 : this.pages[index - 1]));
    if (ascending) ftruncateSync(this.disk, this.pages[page]);
    return ascending;
  }

  /** The disk is whole again. */
  heal(): void {
    ftruncateSync(this.disk, DISK_BYTES);
    for (const at of this.pages) writeSync(this.disk, this.contents, at, PAGE_SIZE, at);
  }

  /** Lets go of everything, once nobody else has the file open. */
  close(): void {
    for (const file of [this.file, this.disk]) closeSync(file);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: foreignEnvironment() });
}
