/** The vector table that a guest's ELF exports: which handler each gate of the IDT leads to. */
import * as abi from './abi.js';
import type { VectorHandler } from './descriptor-tables.js';
import { refuseGuest, type ElfImage } from './elf.js';

const HIGHEST_VECTOR = 255;

/** Symbols of the two tables: the handlers of the second note when they are entered. */
export type VectorTableName = 'vector_table' | 'noted_vector_table';

/**
 * Reads the symbol `vector_table` out of an ELF file.
 * @param istCount - interrupt stacks that the guest has
 * @param name - another table
 * @throws FaultLabError `GUEST_ELF` where it makes no sense
 */
export function readVectorTable(elf: ElfImage, istCount: number, name: VectorTableName = 'vector_table'): VectorHandler[] {
  const address = elf.symbol(name);
  const segment = elf.segments.find((s) => address >= s.address && address < s.address + s.fileSizeBytes);
  if (segment === undefined) refuseGuest(elf.name, `${name} lies in no segment of it`);
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
      refuseGuest(elf.name, `entry ${handlers.length} of its ${name} is vector ${vector} with interrupt stack ${ist} and DPL ${dpl}`);
    }
    handlers.push({ vector, ist, dpl, handler });
  }
  return handlers;
}
