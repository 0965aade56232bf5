/** One access to a page that can never be had: what KVM_RUN, the kernel and the guest make of it. */
import { errnoName } from '../../errors/index.js';
import type { Kvm } from '../../kvm/index.js';
import { TinyGuest, addresses, describeEnd, type GuestEnd, type TinyGuestOptions } from '../../probes/index.js';
import { PAGE_SIZE, exitReasonTitle } from '../../uapi/index.js';
import { withAsyncPfGuest } from '../guests/async-pf-guest.js';
import { CONTENTS, vmTypeFor, withBacking, type Backing, type BackingMemory } from '../guests/backings.js';

/** How far KVM's async page faults can go in a guest. */
export const SITUATIONS = {
  'no APIC': 'no APIC in KVM: no async page faults at all',
  'APF off': 'APIC in KVM, a guest that knows no async page faults',
  'APF on': 'APIC in KVM, a guest that enabled async page faults',
  'no HLT exits': 'APIC in KVM, HLT left to the guest, which knows no async page faults',
} as const;

/** One of {@link SITUATIONS}. */
export type Situation = keyof typeof SITUATIONS;

/** Code of each access: mov al,[rbx]; mov [rbx],al; call rbx, to a `ret`. */
const CODE = { load: [0x8a, 0x03], store: [0x88, 0x03], fetch: [0xff, 0xd3] } as const;

/** How the page is accessed. */
export type AccessKind = keyof typeof CODE;

/** All of them. */
export const ACCESS_KINDS = Object.keys(CODE) as AccessKind[];

/** What is tried. */
export interface FailingAccess {
  readonly backing: Backing;
  readonly situation: Situation;
  readonly cpl: 0 | 3;
  readonly access: AccessKind;
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
  /** How the VMM learns which page it is: by the exit's gpa, by the signal's address; null for not at all. */
  readonly told: 'gpa' | 'hva' | null;
  readonly loop: Loop;
  /** Faults of the one instruction in the time that it was watched; 0 where it did not loop. */
  readonly turns: number;
  readonly turnNs: number | null;
  /** Not-present events that the guest took. */
  readonly guestEvents: number;
}

/** A guest that loops is given back by slices, and let go as soon as the loop is plain; on a busy host that takes a while. */
const LIMIT_MS = 2000;
const SLICE_NS = 10e6;
/** Not-present events on end for one access: one is a guest that was told, many are a loop. */
const PLAIN_LOOP = 16;

/**
 * Tries the access once, with an end to it whatever KVM does.
 * @throws FaultLabError, or what the backing throws where the host has no such memory
 */
export async function tryFailingAccess(kvm: Kvm, { backing, situation, cpl, access }: FailingAccess): Promise<FailureOutcome> {
  return withBacking(backing, async (make) => {
    let memory: BackingMemory | undefined;
    let notPresent = (): number => 0;
    const options: TinyGuestOptions = {
      cpl,
      code: CODE[access],
      // Zeroes in place of `ret` are add [rax],al: at rax, 0, there is nothing.
      registers: { rbx: addresses.page },
      vmType: vmTypeFor(backing, kvm),
      makePage: (vm) => (memory = make(vm)),
      sliceNs: SLICE_NS,
      limitMs: LIMIT_MS,
      until: () => notPresent() >= PLAIN_LOOP,
    };
    const watched = (guest: TinyGuest): FailureOutcome => {
      memory?.fail?.(guest);
      return watch(guest, access, notPresent);
    };
    if (situation === 'APF on') {
      return withAsyncPfGuest(kvm, options, (guest, counts) => {
        notPresent = () => counts().notPresent;
        return watched(guest);
      });
    }
    const apic = situation === 'no APIC' ? 'none' : situation === 'APF off' ? 'in-kernel' : 'no-hlt-exits';
    return TinyGuest.with(kvm, { ...options, interrupts: true, apic }, watched);
  });
}

function watch(guest: TinyGuest, access: AccessKind, notPresent: () => number): FailureOutcome {
  const faultsBefore = guest.statistic('pf_taken') ?? 0;
  const eventsBefore = notPresent();
  const startMs = performance.now();
  const end = guest.run();
  const elapsedNs = (performance.now() - startMs) * 1e6;
  const guestEvents = notPresent() - eventsBefore;
  // One event is a guest that was told; a loop is a guest that is told again and again.
  const loop: Loop = end.kind !== 'stays' ? 'none' : guestEvents > 1 ? 'through the guest' : end.retries ? 'in KVM' : 'none';
  const turns = loop === 'none' ? 0 : loop === 'in KVM' ? (guest.statistic('pf_taken') ?? 0) - faultsBefore : guestEvents;
  return {
    result: loop === 'through the guest' ? 'not present, ready, not present, ...: KVM_RUN never fails' : describeResult(guest, access, end),
    ...exitOf(end),
    loop,
    turns,
    turnNs: turns === 0 ? null : elapsedNs / turns,
    guestEvents,
  };
}

function describeResult({ vcpu }: TinyGuest, access: AccessKind, end: GuestEnd): string {
  const words = describeEnd(end);
  if (end.kind === 'trap' && end.trap.rip === addresses.page) return 'runs, and fetches other contents';
  if (access !== 'load' || end.kind !== 'end') return words;
  return vcpu.getRegs().number('rax') % 0x100 === CONTENTS ? words : `${words}, and loads other contents`;
}

function exitOf(end: GuestEnd): Pick<FailureOutcome, 'errno' | 'exitReason' | 'signal' | 'told'> {
  if (end.kind !== 'exit') return { errno: null, exitReason: null, signal: null, told: null };
  const { exit, reason } = end;
  const exitReason = `${reason} (${exitReasonTitle(reason)})`;
  const isPage = (gpa: bigint): boolean => gpa - (gpa % BigInt(PAGE_SIZE)) === BigInt(addresses.page);
  switch (exit.kind) {
    case 'bareEfault':
      return { errno: 'EFAULT', exitReason, signal: null, told: null };
    case 'memoryFault':
      return { errno: errnoName(exit.errno), exitReason, signal: null, told: isPage(exit.gpa) ? 'gpa' : null };
    case 'error':
      return { errno: errnoName(exit.errno), exitReason, signal: null, told: null };
    case 'mmio':
      return { errno: null, exitReason, signal: null, told: isPage(exit.gpa) ? 'gpa' : null };
    case 'memoryFailure':
      // The signal interrupts KVM_RUN; the addon turns it into EHWPOISON.
      return { errno: 'EINTR', exitReason, signal: exit.action === 'required' ? 'SIGBUS, BUS_MCEERR_AR' : 'SIGBUS, BUS_MCEERR_AO', told: 'hva' };
    default:
      return { errno: null, exitReason, signal: null, told: null };
  }
}
