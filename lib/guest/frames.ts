/** Memory for page tables: frames of a guest's RAM, one after the other. */
import type { SystemRam } from '../memory/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import type { TableMemory } from './page-tables.js';

/** See the module's comment. Frames are never given back; the RAM is fresh, so they are zeroed. */
export class Frames implements TableMemory {
  readonly data: DataView;

  /**
   * @param ram - of the guest
   * @param next - gpa of the first frame, page-aligned
   */
  constructor(
    private readonly ram: SystemRam,
    private next: number,
  ) {
    this.data = ram.data;
  }

  allocateFrame(): number {
    const frame = this.next;
    this.next += PAGE_SIZE;
    return frame;
  }

  /** Offset of guest memory in `data`. @throws RangeError where the RAM ends */
  offsetOf(gpa: number, lengthBytes: number): number {
    const offset = this.ram.offsetOf(gpa, lengthBytes);
    if (offset < 0) throw new RangeError(`the guest has no memory at gpa 0x${gpa.toString(16)}`);
    return offset;
  }
}
