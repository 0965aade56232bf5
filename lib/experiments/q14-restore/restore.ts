/** A guest whose one task sleeps for its page, saved while the fault is in flight, and what becomes of it afterwards. */
import type { Kvm } from '../../kvm/index.js';
import type { NativeMapping } from '../../native/index.js';
import { nativeAddon } from '../../native/index.js';
import { addresses, describeEnd, type TinyGuest } from '../../probes/index.js';
import { PAGE_SIZE, PROT_READ, PROT_WRITE, uffdFeatures, type RegsView, type SregsView, type VcpuEventsView } from '../../uapi/index.js';
import { enableAsyncPf, withAsyncPfGuest, type AsyncPfCounts } from '../guests/async-pf-guest.js';
import { retire, userfaultfdPage } from '../guests/backings.js';

/** Where a saved guest goes on. */
export const RESTORES = {
  'new-vm': 'a new VM, the MSR restored',
  'new-vm-without-msr': 'a new VM, the MSR left out',
  'in-place': 'the same VM, the MSR written again, then the page filled',
} as const;

/** One of {@link RESTORES}. */
export type RestoreKind = keyof typeof RESTORES;

/** What came of a guest. */
export interface Restored {
  readonly kind: RestoreKind;
  /** The guest had been told that its page is not present, and not that it is ready. */
  readonly wasInFlight: boolean;
  /** Wake-all events after the restore. */
  readonly wakeAll: number;
  /** The task made its access and came to its end. */
  readonly recovered: boolean;
  readonly end: string;
}

const LOAD = [0x8a, 0x03]; // mov al,[rbx]
const SLICE_NS = 5e6;
/** A guest that sleeps gives KVM_RUN back at each slice; after this it sleeps for good. */
const LIMIT_MS = 150;
/** Slices until the guest is asleep. */
const MOST_SLICES = 40;

interface Saved {
  readonly ram: Uint8Array;
  readonly regs: RegsView;
  readonly sregs: SregsView;
  readonly events: VcpuEventsView;
  readonly mpState: number;
  readonly counts: AsyncPfCounts;
}

/** Saves a guest with its fault in flight, and lets it go on elsewhere. */
export async function restoreOnce(kvm: Kvm, kind: RestoreKind): Promise<Restored> {
  const [page, uffd] = userfaultfdPage(uffdFeatures.THREAD_ID);
  try {
    const first = await withAsyncPfGuest(kvm, optionsFor(page), async (guest, counts) => {
      try {
        sleepUntilTold(guest, counts);
        const saved = save(guest, counts());
        if (kind !== 'in-place') return saved;
        enableAsyncPf(guest);
        runSlices(guest, 2);
        uffd.unregister(page, 0, PAGE_SIZE);
        return await Promise.resolve(describe(kind, saved, guest, counts));
      } finally {
        // The VM is closed next, which waits for KVM's worker and that for the page.
        if (kind !== 'in-place') uffd.unregister(page, 0, PAGE_SIZE);
      }
    });
    return 'recovered' in first ? first : await goOn(kvm, kind, first);
  } finally {
    uffd.close();
    retire(page);
  }
}

/** The saved guest in a VM of its own, whose page is there. */
async function goOn(kvm: Kvm, kind: RestoreKind, saved: Saved): Promise<Restored> {
  const page = nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE);
  try {
    return await withAsyncPfGuest(kvm, { ...optionsFor(page), enable: false }, (guest, counts) => {
      guest.memory.ram.bytes.set(saved.ram);
      guest.vcpu.setSregs(saved.sregs);
      guest.vcpu.setRegs(saved.regs);
      guest.vcpu.setEvents(saved.events);
      guest.vcpu.setMpState(saved.mpState);
      if (kind === 'new-vm') enableAsyncPf(guest);
      return describe(kind, saved, guest, counts);
    });
  } finally {
    retire(page);
  }
}

function optionsFor(page: NativeMapping): Parameters<typeof withAsyncPfGuest>[1] {
  return { cpl: 3, code: LOAD, registers: { rbx: addresses.page }, page, sliceNs: SLICE_NS, limitMs: LIMIT_MS, sleeps: true };
}

function runSlices(guest: TinyGuest, most: number, isDone: () => boolean = () => false): void {
  for (let slice = 0; slice < most && !isDone(); slice++) guest.vcpu.run();
}

function sleepUntilTold(guest: TinyGuest, counts: () => AsyncPfCounts): void {
  runSlices(guest, MOST_SLICES, () => counts().notPresent > 0 && counts().wakeAll > 0);
  // Into its hlt.
  runSlices(guest, 1);
}

function save({ vcpu, memory }: TinyGuest, counts: AsyncPfCounts): Saved {
  return { ram: memory.ram.bytes.slice(), regs: vcpu.getRegs(), sregs: vcpu.getSregs(), events: vcpu.getEvents(), mpState: vcpu.getMpState(), counts };
}

function describe(kind: RestoreKind, saved: Saved, guest: TinyGuest, counts: () => AsyncPfCounts): Restored {
  const end = guest.run();
  return {
    kind,
    // Asleep in its kernel: a guest that KVM holds at the access itself would just make it again.
    wasInFlight: saved.counts.notPresent > 0 && saved.counts.ready === 0 && saved.sregs.cpl() === 0,
    wakeAll: counts().wakeAll - saved.counts.wakeAll,
    recovered: end.kind === 'end',
    end: describeEnd(end),
  };
}
