/** One access to a page that can never be had: what KVM_RUN, the kernel and the guest make of it. */
import { errnoName } from '../../errors/index.js';
import type { Kvm } from '../../kvm/index.js';
import { TinyGuest, addresses, describeEnd, type GuestEnd, type TinyGuestOptions } from '../../probes/index.js';
import { exitReasonTitle } from '../../uapi/index.js';
import { withAsyncPfGuest } from '../guests/async-pf-guest.js';
import { withBacking, type Backing } from '../guests/backings.js';

/** How far KVM's async page faults can go in a guest. */
export const SITUATIONS = {
  'no APIC': 'no APIC in KVM: no async page faults at all',
  'APF off': 'APIC in KVM, a guest that knows no async page faults',
  'APF on': 'APIC in KVM, a guest that enabled async page faults',
  'no HLT exits': 'APIC in KVM, HLT left to the guest, which knows no async page faults',
} as const;

/** One of {@link SITUATIONS}. */
export type Situation = keyof typeof SITUATIONS;

/** What is tried. */
export interface FailingAccess {
  readonly backing: Backing;
  readonly situation: Situation;
  readonly cpl: 0 | 3;
  readonly access: 'load' | 'store';
}

/** A loop that KVM does not end: not seen, inside KVM_RUN, or by way of the guest, which is told of each turn. */
export type Loop = 'none' | 'in KVM' | 'through the guest';

/** What it came to. */
export interface FailureOutcome {
  /** In words. */
  readonly result: string;
  /** Name of KVM_RUN's errno; null where it did not fail. */
  readonly errno: string | null;
  /** kvm_run.exit_reason in words; null where KVM_RUN did not come back by itself. */
  readonly exitReason: string | null;
  /** What the vCPU's thread was sent besides; null for nothing. */
  readonly signal: string | null;
  readonly loop: Loop;
  /** Faults of the one instruction in the time that it was watched; 0 where it did not loop. */
  readonly turns: number;
  readonly turnNs: number | null;
  /** Not-present events that the guest took. */
  readonly guestEvents: number;
}

const CODE: Readonly<Record<FailingAccess['access'], readonly number[]>> = { load: [0x8a, 0x03], store: [0x88, 0x03] };
/** A guest that loops is given back by slices, and let go as soon as the loop is plain; on a busy host that takes a while. */
const LIMIT_MS = 500;
const SLICE_NS = 10e6;

/**
 * Tries the access once, with an end to it whatever KVM does.
 * @throws FaultLabError, or what the backing throws where the host has no such memory
 */
export async function tryFailingAccess(kvm: Kvm, { backing, situation, cpl, access }: FailingAccess): Promise<FailureOutcome> {
  return withBacking(backing, async (page) => {
    const options: TinyGuestOptions = { cpl, code: CODE[access], registers: { rbx: addresses.page }, page, sliceNs: SLICE_NS, limitMs: LIMIT_MS };
    if (situation === 'APF on') return withAsyncPfGuest(kvm, options, (guest, counts) => watch(guest, () => counts().notPresent));
    const apic = situation === 'no APIC' ? 'none' : situation === 'APF off' ? 'in-kernel' : 'no-hlt-exits';
    return TinyGuest.with(kvm, { ...options, interrupts: true, apic }, (guest) => watch(guest, () => 0));
  });
}

function watch(guest: TinyGuest, notPresent: () => number): FailureOutcome {
  const faultsBefore = guest.statistic('pf_taken') ?? 0;
  const startMs = performance.now();
  const end = guest.run();
  const elapsedNs = (performance.now() - startMs) * 1e6;
  const guestEvents = notPresent();
  // One event is a guest that was told; a loop is a guest that is told again and again.
  const loop: Loop = end.kind !== 'stays' ? 'none' : guestEvents > 1 ? 'through the guest' : end.retries ? 'in KVM' : 'none';
  const turns = loop === 'none' ? 0 : loop === 'in KVM' ? (guest.statistic('pf_taken') ?? 0) - faultsBefore : guestEvents;
  return {
    result: loop === 'through the guest' ? 'not present, ready, not present, ...: KVM_RUN never fails' : describeEnd(end),
    ...exitOf(end),
    loop,
    turns,
    turnNs: turns === 0 ? null : elapsedNs / turns,
    guestEvents,
  };
}

function exitOf(end: GuestEnd): Pick<FailureOutcome, 'errno' | 'exitReason' | 'signal'> {
  if (end.kind !== 'exit') return { errno: null, exitReason: null, signal: null };
  const { exit, reason } = end;
  const exitReason = `${reason} (${exitReasonTitle(reason)})`;
  switch (exit.kind) {
    case 'bareEfault':
      return { errno: 'EFAULT', exitReason, signal: null };
    case 'memoryFault':
    case 'error':
      return { errno: errnoName(exit.errno), exitReason, signal: null };
    case 'memoryFailure':
      // The signal interrupts KVM_RUN; the addon turns it into EHWPOISON.
      return { errno: 'EINTR', exitReason, signal: exit.action === 'required' ? 'SIGBUS, BUS_MCEERR_AR' : 'SIGBUS, BUS_MCEERR_AO' };
    default:
      return { errno: null, exitReason, signal: null };
  }
}
