/**
 * An access that KVM's emulator could not make itself: it comes as KVM_EXIT_MMIO, cannot be repeated, and is the VMM's to carry out in the memory
 * behind the slot.
 */
import type { ExitView } from '../kvm/index.js';
import { gpa } from '../uapi/index.js';
import { windowOf, type MappedWindow } from './lost-access.js';

const MOST_BYTES = 8;

/**
 * Carries out the access of a KVM_EXIT_MMIO that has just come back. Run the vCPU afterwards: KVM goes on with what was loaded.
 * @returns false where the address is in no window
 * @throws FaultLabError `MAPPING_SIGBUS` and the like where the memory is still lost
 */
export function carryOutEmulated(exit: ExitView, windows: readonly MappedWindow[]): boolean {
  const target = windowOf(windows, gpa(exit.mmioGpa));
  if (target === undefined) return false;
  const datum = new Uint8Array(MOST_BYTES);
  const view = new DataView(datum.buffer);
  const bytes = datum.subarray(0, Math.min(MOST_BYTES, exit.mmioSize));
  if (exit.mmioIsWrite) {
    view.setUint32(0, exit.mmioDataLow, true);
    view.setUint32(4, exit.mmioDataHigh, true);
    target.window.write(target.offset, bytes);
  } else {
    target.window.read(target.offset, bytes);
    exit.setMmioData(view.getUint32(0, true), view.getUint32(4, true));
  }
  return true;
}
