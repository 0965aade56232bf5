/** Changes of a memory slot that cost the guest its mappings, each followed from before it until the huge pages are back. */
import { NativeUserfaultSlot, type Kvm } from '../../kvm/index.js';
import { nativeAddon } from '../../native/index.js';
import { InterceptedPages } from '../../memory/index.js';
import { KVM_MEM_LOG_DIRTY_PAGES, MAP_POPULATE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../uapi/index.js';
import { REGION_SLOT, withHugeRegion, type Pass, type Region } from '../guests/region-guest.js';

/** A kind of change. */
export type ChangeId = 'userfault' | 'dirty-log' | 'slot-again' | 'hole';

/** Titles; a stand-in is named as one. */
export const CHANGES: Readonly<Record<ChangeId, string>> = {
  userfault: 'KVM_MEM_USERFAULT on, and off again',
  'dirty-log': 'KVM_MEM_LOG_DIRTY_PAGES on, and off again (stand-in: 4 KiB mappings while it is on)',
  'slot-again': 'the slot deleted and made again (stand-in: all mappings zapped)',
  hole: 'a hole for one page: the slot deleted, two made around it',
};

/** One change, followed. */
export interface Sample {
  readonly change: ChangeId;
  readonly sizeBytes: number;
  /** The ioctls that make the change, ns. */
  readonly onNs: number;
  /** Those that take it back; null where nothing is left on. */
  readonly offNs: number | null;
  /** Places all over the region written, mappings warm, before the change. With a hole: page after page, as in {@link first}. */
  readonly before: Pass;
  /** The first pass over the pages after it, one after the other. */
  readonly first: Pass;
  /** A later one: the change still on, mappings warm. */
  readonly during: Pass;
  /** The first pass after it was taken back, and a later one; null where nothing was. */
  readonly firstAfter: Pass | null;
  readonly after: Pass | null;
}

/** Passes that warm mappings, caches and the guest's TLB. */
const WARMING = 3;
/** A warm pass is short: the fastest of several is one that nobody disturbed. */
const WARM = 5;

function warmPass(pass: () => Pass): Pass {
  return Array.from({ length: WARM }, pass).reduce((a, b) => (b.ns < a.ns ? b : a));
}

/** Makes a change to a region of its own and follows it. */
export async function measureChange(kvm: Kvm, change: ChangeId, sizeBytes: number): Promise<Sample> {
  return withHugeRegion(kvm, sizeBytes, (region) => {
    const all = (): Pass => region.pass();
    const scatter = (): Pass => region.scatter();
    switch (change) {
      case 'userfault':
        return withUserfaultSlot(region, (slot) => follow(change, region, scatter, all, () => slot.intercept(true), () => slot.intercept(false)));
      case 'dirty-log': {
        const slot = region.slot();
        return follow(change, region, scatter, all, () => slot.setFlags(KVM_MEM_LOG_DIRTY_PAGES), () => slot.setFlags(0));
      }
      case 'slot-again': {
        const slot = region.slot();
        const again = (): void => {
          slot.delete();
          region.slot();
        };
        return follow(change, region, scatter, all, again, null);
      }
      case 'hole': {
        const slot = region.slot();
        const hole = Math.floor(region.pages / 2) + 1;
        const punch = (): void => {
          slot.delete();
          region.slot(REGION_SLOT, 0, hole);
          region.slot(REGION_SLOT + 1, hole + 1, region.pages - hole - 1);
        };
        const around = (): Pass => sum(region.pass(0, hole), region.pass(hole + 1, region.pages - hole - 1));
        return follow(change, region, around, around, punch, null);
      }
    }
  });
}

function withUserfaultSlot<T>(region: Region, body: (slot: NativeUserfaultSlot) => T): T {
  const sizeBytes = Math.max(PAGE_SIZE, Math.ceil(region.pages / 8 / PAGE_SIZE) * PAGE_SIZE);
  // No bit is set: nothing is intercepted, and what is seen is the price of the flag alone.
  const bitmap = nativeAddon().Mapping.anonymous(sizeBytes, PROT_READ | PROT_WRITE, MAP_POPULATE);
  new InterceptedPages(bitmap.view(), region.pages, 1);
  return body(new NativeUserfaultSlot(region.vm, { ...region.slotOptions(), userfaultBitmap: bitmap, intercepting: false }));
}

function follow(change: ChangeId, { sizeBytes }: Region, warm: () => Pass, pass: () => Pass, on: () => void, off: (() => void) | null): Sample {
  for (let turn = 0; turn < WARMING; turn++) pass();
  const before = warmPass(warm);
  const onNs = timed(on);
  const first = pass();
  const during = warmPass(warm);
  const offNs = off === null ? null : timed(off);
  const firstAfter = off === null ? null : pass();
  const after = off === null ? null : warmPass(warm);
  return { change, sizeBytes, onNs, offNs, before, first, during, firstAfter, after };
}

function sum(a: Pass, b: Pass): Pass {
  return { pages: a.pages + b.pages, ns: a.ns + b.ns, faults: a.faults === null || b.faults === null ? null : a.faults + b.faults };
}

/** Runs `action` and says how long it took, ns. */
function timed(action: () => void): number {
  const startNs = nativeAddon().monotonicNs();
  action();
  return nativeAddon().monotonicNs() - startNs;
}
