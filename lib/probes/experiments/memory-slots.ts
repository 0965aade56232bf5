/** Accesses whose memory slot has gone, or was replaced by a read-only one, since the guest used it last. */
import type { Kvm } from '../../kvm/index.js';
import { nativeAddon } from '../../native/index.js';
import { KVM_MEM_READONLY, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../uapi/index.js';
import type { Finding, Probe, ProbeGroup } from '../probe.js';
import { TinyGuest, addresses, describeEnd } from '../tiny-guest/index.js';

interface Access {
  readonly id: string;
  readonly title: string;
  readonly cpl: 0 | 3;
  readonly code: readonly number[];
  /** What happens to the slot between the first access and the second. */
  readonly change: (guest: TinyGuest) => void;
}

const LOAD = [0x8a, 0x03]; // mov al,[rbx]
const STORE = [0x88, 0x03]; // mov [rbx],al
const FETCH = [0xff, 0xd3]; // call rbx
const PAGE_CODE = [0xc3]; // ret

/** KVM does not let a slot that exists become read-only. */
function makeReadOnly({ vm, pageSlot }: TinyGuest): void {
  if (pageSlot === undefined) return;
  const { slot, gpa, sizeBytes, mapping } = pageSlot;
  pageSlot.delete();
  vm.createMemorySlot({ slot, gpa, sizeBytes, mapping, flags: KVM_MEM_READONLY });
}

const remove = ({ pageSlot }: TinyGuest): void => pageSlot?.delete();

const ACCESSES: readonly Access[] = [
  { id: 'deleted-cpl3', title: 'load at CPL3, slot deleted', cpl: 3, code: LOAD, change: remove },
  { id: 'deleted-cpl0', title: 'load at CPL0, slot deleted', cpl: 0, code: LOAD, change: remove },
  { id: 'deleted-fetch', title: 'fetch at CPL3, slot deleted', cpl: 3, code: FETCH, change: remove },
  { id: 'readonly-store', title: 'store at CPL3, a read-only slot in its place', cpl: 3, code: STORE, change: makeReadOnly },
];

async function tryAccess(kvm: Kvm, { cpl, code, change }: Access): Promise<Finding> {
  const page = nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE);
  try {
    page.write(0, Uint8Array.from(PAGE_CODE));
    return await TinyGuest.with(kvm, { cpl, code, page, registers: { rbx: addresses.page } }, (guest) => {
      const first = guest.run();
      if (first.kind !== 'end') return { cannot: `the page could not be used before: ${describeEnd(first)}` };
      change(guest);
      guest.restart();
      return { answer: describeEnd(guest.run()) };
    });
  } finally {
    page.close();
  }
}

/** See the module's comment. */
export const memorySlots: ProbeGroup = {
  id: 'slots',
  title: 'A memory slot that changes under a vCPU',
  probes: ACCESSES.map((access): Probe => ({ id: `slot-${access.id}`, title: access.title, find: ({ kvm }) => tryAccess(kvm, access) })),
};
