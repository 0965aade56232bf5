/** The vector table that a guest's ELF exports: which handler each gate of the IDT leads to. */
import * as abi from './abi.js';
import type { VectorHandler } from './descriptor-tables.js';
import { refuseGuest, type ElfImage } from './elf.js';

const HIGHEST_VECTOR = 255;

/**
 * Reads the symbol `vector_table` out of an ELF file.
 * @param istCount - interrupt stacks that the guest has
 * @throws FaultLabError `GUEST_ELF` where it makes no sense
 */
export function readVectorTable(elf: ElfImage, istCount: number): VectorHandler[] {
  const address = elf.symbol('vector_table');
  const segment = elf.segments.find((s) => address >= s.address && address < s.address + s.fileSizeBytes);
  if (segment === undefined) refuseGuest(elf.name, 'vector_table lies in no segment of it');
  const view = new DataView(elf.bytes.buffer, elf.bytes.byteOffset + segment.fileOffset, segment.fileSizeBytes);
  const handlers: VectorHandler[] = [];
  const { size, fields } = abi.vectorEntryLayout;
  for (let at = address - segment.address; at + size <= segment.fileSizeBytes; at += size) {
    const handler = Number(view.getBigUint64(at + fields.handler.offset, true));
    if (handler === 0) break;
    const vector = view.getUint32(at + fields.vector.offset, true);
    const ist = view.getUint16(at + fields.ist.offset, true);
    const dpl = view.getUint16(at + fields.dpl.offset, true);
    if (vector > HIGHEST_VECTOR || ist > istCount || (dpl !== 0 && dpl !== 3) || !Number.isSafeInteger(handler)) {
      refuseGuest(elf.name, `entry ${handlers.length} of its vector_table is vector ${vector} with interrupt stack ${ist} and DPL ${dpl}`);
    }
    handlers.push({ vector, ist, dpl, handler });
  }
  return handlers;
}
