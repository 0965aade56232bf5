/**
 * The file that is behind a window at this moment, for all Workers that have the window: one of them may put another file there. One word of shared
 * memory says which handle is in force (its share number) and where in that file the window begins.
 */
import { FaultLabError, isCoded } from '../errors/index.js';
import { nativeAddon, type NativeFile } from '../native/index.js';
import { PAGE_SIZE } from '../uapi/index.js';

/** Shared memory of a {@link DaxFile}. */
export type DaxFileShare = BigInt64Array;

/** A file and the part of it that the window shows. */
export interface CurrentFile {
  readonly file: NativeFile;
  /** Byte of the file at the window's first byte. */
  readonly fileOffset: number;
}

/** The upper half of the word is a share number, the lower one an offset in pages. */
const HALF = 32n;
const MOST_IN_HALF = 2 ** 31;
/** A handle that is closed before it could be adopted was replaced meanwhile; nobody replaces files this fast. */
const MOST_ATTEMPTS = 1000;

/** See the module's comment. One for each Worker that has the window. */
export class DaxFile {
  private constructor(
    private readonly word: DaxFileShare,
    private adopted: bigint,
    private cached: CurrentFile,
  ) {}

  /** Takes over a handle. */
  static create(file: NativeFile, fileOffset: number): DaxFile {
    const word = new BigInt64Array(new SharedArrayBuffer(8));
    const value = pack(file, fileOffset);
    Atomics.store(word, 0, value);
    return new DaxFile(word, value, { file, fileOffset });
  }

  /** In another Worker. */
  static adopt(word: DaxFileShare): DaxFile {
    const { value, current } = adoptCurrent(word);
    return new DaxFile(word, value, current);
  }

  /** Numbers for {@link DaxFile.adopt}. */
  share(): DaxFileShare {
    return this.word;
  }

  /** What is behind the window now. Throws FaultLabError `HANDLE_CLOSED` where the owner closed it. */
  current(): CurrentFile {
    if (Atomics.load(this.word, 0) !== this.adopted) {
      const { value, current } = adoptCurrent(this.word);
      this.cached.file.close();
      this.adopted = value;
      this.cached = current;
    }
    return this.cached;
  }

  /** Takes over another handle, and closes the one before. */
  replace(file: NativeFile, fileOffset: number): void {
    const old = this.cached.file;
    this.adopted = pack(file, fileOffset);
    this.cached = { file, fileOffset };
    Atomics.store(this.word, 0, this.adopted);
    old.close();
  }

  /** Lets go of this Worker's handle. */
  close(): void {
    this.cached.file.close();
  }
}

function pack(file: NativeFile, fileOffset: number): bigint {
  const pages = fileOffset / PAGE_SIZE;
  if (!Number.isInteger(pages) || pages < 0 || pages >= MOST_IN_HALF) throw new FaultLabError('BAD_ARGUMENT', `${fileOffset} is no offset at which a window can begin`);
  return (BigInt(file.share()) << HALF) | BigInt(pages);
}

function adoptCurrent(word: DaxFileShare): { readonly value: bigint; readonly current: CurrentFile } {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const value = Atomics.load(word, 0);
    try {
      const file = nativeAddon().File.adopt(Number(value >> HALF));
      return { value, current: { file, fileOffset: Number(BigInt.asUintN(32, value)) * PAGE_SIZE } };
    } catch (error) {
      if (!isCoded(error) || error.code !== 'BAD_SHARE') throw error;
    }
  }
  throw new FaultLabError('HANDLE_CLOSED', 'the file behind this DAX window was closed by its owner');
}
