/** The two events of each generation as the host sends them: what it writes for the guest to read, and the vector that comes. */
import { KVM_PV_REASON_PAGE_NOT_PRESENT, KVM_PV_REASON_PAGE_READY, VECTOR_PAGE_FAULT, VECTOR_VIRTUALIZATION } from '../../uapi/index.js';
import type { GenerationId } from './generations.js';
import { APF_REASON, APF_TOKEN, EXIT_REASON_EPT_VIOLATION, PAGE, READY_VECTOR, VE, VE_BUSY } from './guest-memory.js';
import type { HandlerLabel } from './guest-code.js';
import type { HistoryGuest } from './guest.js';

/** Token of the one async page fault of a run: the first one of vCPU 0, as KVM makes them. */
export const TOKEN = 0x1000;
/** Exit qualification of an EPT violation: a load, at a linear address that is valid (SDM vol. 3, 28.2.1). */
const QUALIFICATION = (1 << 0) | (1 << 7) | (1 << 8);

/** What names a fault in its ready event: #VE brings no token, so the gpa does. */
export function keyOf(generation: GenerationId): number {
  return generation === 've' ? PAGE : TOKEN;
}

/** An event on its way. */
export interface SentEvent {
  readonly handler: HandlerLabel;
  /** What the host did, for the timeline. */
  readonly what: string;
}

/** Sends not-present for the page of task A. */
export function sendNotPresent(guest: HistoryGuest, generation: GenerationId): SentEvent {
  if (generation === 've') return sendVirtualization(guest, PAGE);
  guest.write32(APF_REASON, KVM_PV_REASON_PAGE_NOT_PRESENT);
  injectPageFault(guest);
  return { handler: 'pageFault', what: `not-present event: reason 1 in the shared area, #PF with CR2 = token ${hex(TOKEN)}` };
}

/** Sends #VE, its cause in the information area, which is then busy. */
export function sendVirtualization(guest: HistoryGuest, gpa: number): SentEvent {
  guest.write32(VE.exitReason, EXIT_REASON_EPT_VIOLATION);
  guest.write32(VE.busy, VE_BUSY);
  guest.write64(VE.qualification, QUALIFICATION);
  guest.write64(VE.gla, gpa);
  guest.write64(VE.gpa, gpa);
  const events = guest.vcpu.getEvents();
  events.injectException(VECTOR_VIRTUALIZATION);
  guest.vcpu.setEvents(events);
  return { handler: 'virtualization', what: `#VE: gpa ${hex(gpa)} in the information area, busy word set` };
}

/** Sends ready for the page of task A. */
export function sendReady(guest: HistoryGuest, generation: GenerationId): SentEvent {
  const key = keyOf(generation);
  if (generation === 'apf-2010') {
    guest.write32(APF_REASON, KVM_PV_REASON_PAGE_READY);
    injectPageFault(guest);
    return { handler: 'pageFault', what: `ready event: reason 2 in the shared area, #PF with CR2 = token ${hex(key)}` };
  }
  guest.write32(APF_TOKEN, key);
  guest.vcpu.interrupt(READY_VECTOR);
  return { handler: 'ready', what: `ready event: token ${hex(key)} in its slot, interrupt ${hex(READY_VECTOR)}` };
}

function injectPageFault({ vcpu }: HistoryGuest): void {
  const sregs = vcpu.getSregs();
  sregs.setNumber('cr2', TOKEN);
  vcpu.setSregs(sregs);
  const events = vcpu.getEvents();
  events.injectException(VECTOR_PAGE_FAULT, 0);
  vcpu.setEvents(events);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
