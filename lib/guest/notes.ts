/** When the guest's handlers were entered, as their stubs noted it: rings of TSC values, one for each vCPU and kind of event. */
import { PAGE_SIZE } from '../uapi/index.js';
import * as abi from './abi.js';

const ENTRY_BYTES = 8;

/** Of one vCPU: TSC cycles, ascending. The last {@link NOTES_KEPT} of each kind. */
export interface GuestNotes {
  /** Handlers of not-present events. */
  readonly notPresent: Float64Array;
  /** Of ready interrupts, that of the wake-all event included. */
  readonly ready: Float64Array;
  /** Of timer interrupts. */
  readonly tick: Float64Array;
}

/** Entries of each kind that a vCPU's log holds: the last ones. */
export const NOTES_KEPT = abi.NOTE_LOG_BYTES / ENTRY_BYTES;

/**
 * Tells each vCPU where its logs are; before the guest starts.
 * @param low - ordinary RAM from gpa 0
 * @param notes - gva of all logs
 */
export function writeNotePointers(low: DataView, notes: number, vcpuCount: number): void {
  for (let log = 0; log < vcpuCount * abi.NOTE_COUNT; log++) {
    const block = abi.VCPU_BLOCK_BASE + Math.floor(log / abi.NOTE_COUNT) * PAGE_SIZE;
    low.setBigUint64(block + abi.VCPU_BLOCK_NOTE + (log % abi.NOTE_COUNT) * ENTRY_BYTES, BigInt(notes + log * abi.NOTE_LOG_BYTES), true);
  }
}

/**
 * Reads the logs of one vCPU.
 * @param data - of the tables
 * @param offset - of all logs there
 */
export function readNotes(data: DataView, offset: number, vcpu: number): GuestNotes {
  const read = (kind: number): Float64Array => {
    const first = data.byteOffset + offset + (vcpu * abi.NOTE_COUNT + kind) * abi.NOTE_LOG_BYTES;
    // A place that was never written holds 0; a ring that has gone round begins anywhere.
    return Float64Array.from(new BigUint64Array(data.buffer, first, NOTES_KEPT).filter((tsc) => tsc !== 0n), Number).sort();
  };
  return { notPresent: read(abi.NOTE_NOT_PRESENT), ready: read(abi.NOTE_READY), tick: read(abi.NOTE_TICK) };
}
