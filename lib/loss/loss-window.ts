/** The window of guest memory that can be lost, as far as the driver and the reports use it. */
import { attempt, isCoded } from '../errors/index.js';
import { nativeAddon, type NativeFile, type NativeMapping } from '../native/index.js';
import { PAGE_SIZE, PROT_READ, PROT_WRITE } from '../uapi/index.js';

/** Why an access fails. */
export type LossCause = 'truncated' | 'io-error' | 'protection' | 'poison' | 'unknown';

/** See the module's comment. */
export interface LossWindow {
  /** Belongs in the memslot. */
  readonly guestView: NativeMapping;
  readonly sizeBytes: number;
  /** Makes the file end `offset` bytes into the window. */
  truncate(offset: number): void;
  /** Guarded copies: throw FaultLabError `MAPPING_*` where there is no memory. */
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  /** Null where an access of the page would not fail now. */
  causeOfLoss(offset: number, writes: boolean): LossCause | null;
  close(): void;
}

/** A window onto a memfd. */
export class MemfdWindow implements LossWindow {
  private readonly probe = new Uint8Array(1);

  private constructor(
    private readonly file: NativeFile,
    readonly guestView: NativeMapping,
    private readonly hostView: NativeMapping,
  ) {}

  /**
   * A new file of zeroes, as long as the window.
   * @param sizeBytes - whole pages
   */
  static create(sizeBytes: number): MemfdWindow {
    const { File, Mapping } = nativeAddon();
    const file = File.memfd('kvm-faultlab-window', sizeBytes);
    const [guestView, hostView] = [0, 1].map(() => Mapping.ofFile(file, 0, sizeBytes, PROT_READ | PROT_WRITE));
    return new MemfdWindow(file, guestView, hostView);
  }

  get sizeBytes(): number {
    return this.guestView.sizeBytes;
  }

  truncate(offset: number): void {
    attempt(`truncate the window's file at ${offset}`, () => {
      this.file.ftruncate(offset);
    });
  }

  read(offset: number, into: Uint8Array): void {
    attempt(`read the window at ${offset}`, () => {
      this.hostView.read(offset, into);
    });
  }

  write(offset: number, from: Uint8Array): void {
    attempt(`write the window at ${offset}`, () => {
      this.hostView.write(offset, from);
    });
  }

  causeOfLoss(offset: number): LossCause | null {
    try {
      this.hostView.read(offset - (offset % PAGE_SIZE), this.probe);
      return null;
    } catch (error) {
      if (isCoded(error) && error.code === 'MAPPING_SIGBUS') return 'truncated';
      throw error;
    }
  }

  close(): void {
    for (const handle of [this.guestView, this.hostView, this.file]) handle.close();
  }
}
