/** Guest memory as the fault locator may read it: ordinary RAM through its view, DAX windows by guarded copies. Every address is the guest's and is checked. */
import { isCoded } from '../errors/index.js';
import type { SystemRam } from '../memory/index.js';
import type { GuestReader } from './fault-locator.js';
import type { MappedWindow } from './lost-access.js';

/** See the module's comment. One for each thread. */
export class WindowReader implements GuestReader {
  low = 0;
  high = 0;
  private readonly entry = new DataView(new ArrayBuffer(8));
  private readonly entryBytes = new Uint8Array(this.entry.buffer);

  constructor(
    private readonly ram: SystemRam,
    private readonly windows: readonly MappedWindow[],
  ) {}

  /** {@inheritDoc EntryReader.readEntry} */
  readEntry(gpa: number): boolean {
    if (!this.readBytes(gpa, this.entryBytes, 8)) return false;
    this.low = this.entry.getInt32(0, true);
    this.high = this.entry.getInt32(4, true);
    return true;
  }

  /** {@inheritDoc GuestReader.readBytes} */
  readBytes(gpa: number, into: Uint8Array, lengthBytes: number): boolean {
    const offset = this.ram.offsetOf(gpa, lengthBytes);
    if (offset >= 0) {
      into.set(this.ram.bytes.subarray(offset, offset + lengthBytes));
      return true;
    }
    const mapped = this.windows.find(({ gpa: base, window }) => gpa >= base && gpa + lengthBytes <= base + window.sizeBytes);
    if (mapped === undefined) return false;
    try {
      mapped.window.read(gpa - mapped.gpa, into.subarray(0, lengthBytes));
      return true;
    } catch (error) {
      if (isCoded(error) && error.code.startsWith('MAPPING_')) return false;
      throw error;
    }
  }
}
