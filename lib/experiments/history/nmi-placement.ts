/** How an NMI is made to come in front of the first instruction of an event's handler. */
import type { Vcpu } from '../../kvm/index.js';
import { FaultLabError } from '../../errors/index.js';
import { KVM_EXIT_DEBUG } from '../../uapi/index.js';

/**
 * `same-entry`: event and NMI are pending for the same entry into the guest, and KVM delivers one after the other (VMX, SVM). `breakpoint`: the guest is stopped at the
 * handler by a debug register, and the NMI comes with the next entry (PVM, whose KVM emulates one instruction of the handler before it looks for NMIs).
 */
export type NmiPlacement = 'same-entry' | 'breakpoint';

/** All of them, in the order in which they are tried. */
export const NMI_PLACEMENTS: readonly NmiPlacement[] = ['same-entry', 'breakpoint'];

/** In words. */
export const PLACEMENT_TITLES: Readonly<Record<NmiPlacement, string>> = {
  'same-entry': 'pending for the same entry as the event',
  breakpoint: 'pended while a breakpoint stops the guest in front of the handler',
};

/** Entries that may end for another reason before the breakpoint is met: the ends of slices. */
const MOST_ENTRIES = 100;

/**
 * Makes an NMI pending for a vCPU that has an event to deliver.
 * @param handler - address of the event's handler
 * @throws FaultLabError `HISTORY_BREAKPOINT` where the guest does not stop there
 */
export function pendNmi(vcpu: Vcpu, placement: NmiPlacement, handler: number): void {
  if (placement === 'breakpoint') stopAt(vcpu, handler);
  vcpu.nmi();
}

function stopAt(vcpu: Vcpu, address: number): void {
  vcpu.setBreakpoint(address);
  try {
    for (let entry = 0; entry < MOST_ENTRIES; entry++) {
      const exit = vcpu.decodeExit(vcpu.run());
      if (exit.kind === 'interrupted') continue;
      if (exit.kind === 'unknown' && exit.reason === KVM_EXIT_DEBUG && vcpu.getRegs().number('rip') === address) return;
      break;
    }
    throw new FaultLabError('HISTORY_BREAKPOINT', `the guest did not stop in front of the handler at 0x${address.toString(16)}`);
  } finally {
    vcpu.setBreakpoint(null);
  }
}
