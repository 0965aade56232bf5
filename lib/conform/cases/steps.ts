/** Steps that cases have in common. Numbers are the protocol's, written out: no case asks a model what they are. */
import type { CaseContext } from '../case.js';
import type { GuestStop, GuestVcpu } from '../guest/index.js';

/** MSRs of the protocol. */
export const MSR_EN = 0x4b564d02;
export const MSR_INT = 0x4b564d06;
export const MSR_ACK = 0x4b564d07;
/** Bits of MSR_EN. */
export const ENABLED = 1;
export const SEND_ALWAYS = 2;
export const AS_INT = 8;
/** Vector of ready events in this suite, and token of the one that wakes all. */
export const VECTOR = 0xec;
export const WAKE_ALL = 0xffff_ffff;
/** Vector of not-present events. */
export const PF = 14;
/** The first two tokens of vCPU 0, and the first of vCPU 1. */
export const TOKEN_1 = 0x1000;
export const TOKEN_2 = 0x2000;
export const TOKEN_1_OF_VCPU_1 = 0x1001;
/** Most async page faults outstanding. */
export const MOST_OUTSTANDING = 64;

/** errnos by their numbers on x86. */
export const EIO = 5;
export const EBADF = 9;
export const EFAULT = 14;
export const EBUSY = 16;
export const EINVAL = 22;
export const ENOENT = 2;
export const EALREADY = 114;

/** What the guest writes to MSR_EN: the gpa of its area, and bits. */
export function enableValue(guest: GuestVcpu, bits: number): bigint {
  return BigInt(guest.area) | BigInt(bits);
}

/** The guest enables async page faults, and takes the wake-all event that comes first. */
export function enable(context: CaseContext, guest: GuestVcpu, more = 0): void {
  context.equal('the guest writes the vector to MSR_KVM_ASYNC_PF_INT', guest.writeMsr(MSR_INT, BigInt(VECTOR)), 'done');
  context.equal('the guest enables async page faults', guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT | more)), 'done');
  takeReady(context, guest, WAKE_ALL);
}

/** Another task runs until the ready event with `token` comes; the guest acknowledges it. */
export function takeReady(context: CaseContext, guest: GuestVcpu, token: number): void {
  expectReady(context, guest, token);
  acknowledge(guest);
}

/** Another task runs until the ready event with `token` comes. */
export function expectReady(context: CaseContext, guest: GuestVcpu, token: number): void {
  guest.beginLoop();
  context.expect(`the guest runs until the ready event with token 0x${token.toString(16)} comes`, guest.run(), { kind: 'event', vector: VECTOR, tokenWord: token });
}

/** Another task runs, and no ready event comes. */
export function expectNoReady(context: CaseContext, guest: GuestVcpu, when: string): void {
  guest.beginLoop();
  context.expect(`no event comes ${when}`, guest.runBriefly(), { kind: 'stays' });
}

/** The guest empties the token word and writes the ACK MSR. */
export function acknowledge(guest: GuestVcpu): void {
  guest.clearToken();
  guest.writeMsr(MSR_ACK, 1n);
}

/** A stop is the not-present event with `token`. */
export function isNotPresent(context: CaseContext, stop: GuestStop, token: number): void {
  context.expect(`the guest takes the not-present event with token 0x${token.toString(16)}`, stop, { kind: 'event', vector: PF, errorCode: 0, cr2: token, flagsWord: 1 });
}

/** The guest makes an access that needs nobody. */
export function expectAccess(context: CaseContext, guest: GuestVcpu, page: number, value: number): void {
  guest.begin({ kind: 'load', page });
  context.expect(`the guest reads page ${page}`, guest.run(), { kind: 'done', value });
}
