/** The probes' tiny guest with a DAX window of a few pages, and what its vCPU's failures are found to be about. */
import { strict as assert } from 'node:assert';
import { LostAccesses, WindowReader, carryOutEmulated, walk, type LossFinding, type LostAccess, type MappedWindow } from '../../lib/faults/index.js';
import { Kvm, type VcpuExit } from '../../lib/kvm/index.js';
import { SyncedRegisters } from '../../lib/machine/index.js';
import { DaxWindow, gpaNumber, type DaxSource } from '../../lib/memory/index.js';
import { TinyGuest, addresses, describeEnd, type GuestEnd, type TinyGuestOptions } from '../../lib/probes/index.js';
import { KVM_SYNC_X86_EVENTS, KVM_SYNC_X86_REGS, KVM_SYNC_X86_SREGS, PAGE_SIZE } from '../../lib/uapi/index.js';

/** Pages of the window. */
export const WINDOW_PAGES = 4;
/** Its first byte in the guest. */
export const WINDOW = addresses.page;

/** A guest that is about to run, and its window. */
export interface DaxGuest {
  readonly guest: TinyGuest;
  readonly window: DaxWindow;
  readonly windows: readonly MappedWindow[];
  readonly losses: LostAccesses;
  /** Runs to the next loss. Fails where the guest ends otherwise. */
  readonly runToLoss: () => LostAccess;
  /** Carries out the access of the exit that KVM's emulator made of the loss. */
  readonly carryOut: () => void;
  /** Runs to the end, and carries out what KVM's emulator leaves to the VMM. */
  readonly runToEnd: () => void;
}

/** What is run, and on which file: a memfd of the window's size where left out. */
export type DaxGuestOptions = Omit<TinyGuestOptions, 'page'> & { readonly source?: DaxSource };

/** As many exits on the way to an end are a loop. */
const MOST_EXITS = 32;

/** Runs `body` with such a guest. */
export async function withDaxGuest(options: DaxGuestOptions, body: (guest: DaxGuest) => void | Promise<void>): Promise<void> {
  const kvm = Kvm.open();
  const window = DaxWindow.create(options.source ?? { memfdBytes: WINDOW_PAGES * PAGE_SIZE }, WINDOW_PAGES * PAGE_SIZE);
  try {
    await TinyGuest.with(kvm, { ...options, page: window.guestView }, (guest) => {
      mapWindow(guest, WINDOW_PAGES);
      guest.vcpu.syncRegs.enableSync(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS);
      const windows = [{ gpa: gpaNumber(WINDOW), window }];
      const losses = new LostAccesses(new SyncedRegisters(guest.vcpu), new WindowReader(guest.memory.ram, windows), windows);
      return body({ guest, window, windows, losses, runToLoss: () => runToLoss(guest, losses), carryOut: () => assert(carryOutEmulated(guest.vcpu.exit, windows)), runToEnd: () => runToEnd(guest, windows, losses) });
    });
  } finally {
    window.close();
    kvm.close();
  }
}

/** The tiny guest has one page under test; its page table has room for more. Maps `pages` in a row. */
export function mapWindow({ memory }: Pick<TinyGuest, 'memory'>, pages: number): void {
  const { data } = memory.ram;
  const reader = {
    low: 0,
    high: 0,
    readEntry(at: number): boolean {
      this.low = data.getInt32(at, true);
      this.high = data.getInt32(at + 4, true);
      return true;
    },
  };
  const result = { gpa: 0, entryGpa: 0 };
  assert.equal(walk(reader, memory.root, 0x20, WINDOW, 0, result), 'mapped');
  const first = data.getBigUint64(result.entryGpa, true);
  for (let page = 1; page < pages; page++) data.setBigUint64(result.entryGpa + 8 * page, first + BigInt(page * PAGE_SIZE), true);
}

function exitOf(end: GuestEnd): VcpuExit {
  assert(end.kind === 'exit', `the guest was to fail, and ${describeEnd(end)}`);
  return end.exit;
}

function runToLoss(guest: TinyGuest, losses: LostAccesses): LostAccess {
  for (let exits = 0; exits < MOST_EXITS; exits++) {
    const exit = exitOf(guest.run());
    const finding: LossFinding = losses.find(exit);
    if (finding.kind === 'lost') return finding.loss;
    assert.equal(finding.kind, 'recovered', `no loss in ${exit.kind}`);
  }
  assert.fail(`${MOST_EXITS} exits, and no loss`);
}

function runToEnd(guest: TinyGuest, windows: readonly MappedWindow[], losses: LostAccesses): void {
  for (let exits = 0; exits < MOST_EXITS; exits++) {
    const end = guest.run();
    if (end.kind === 'end') return;
    const exit = exitOf(end);
    if (exit.kind === 'mmio') assert(carryOutEmulated(guest.vcpu.exit, windows), `MMIO at 0x${exit.gpa.toString(16)}`);
    else assert.equal(losses.find(exit).kind, 'recovered', `the guest ended in ${exit.kind}`);
  }
  assert.fail(`${MOST_EXITS} exits, and no end`);
}
