/** Why a vCPU of the suite's guest stopped, and in which words a diagnostic says so. */
import { errnoName } from '../../errors/index.js';

/** See the module's comment. */
export type GuestStop =
  /** The access was made; `value` is what a load read. */
  | { readonly kind: 'done'; readonly value: number }
  /** KVM_RUN failed and KVM_EXIT_MEMORY_FAULT says where. `token` is what stands at byte 56 of kvm_run, for the proposal that has one there. */
  | { readonly kind: 'memoryFault'; readonly errno: number; readonly flags: number; readonly gpa: number; readonly sizeBytes: number; readonly token: number }
  /** KVM_RUN failed with EFAULT, and says nothing more. */
  | { readonly kind: 'bareEfault'; readonly exitReason: number }
  /** An exception or interrupt reached the guest's handler. */
  | ({ readonly kind: 'event' } & GuestEvent)
  /** Nothing happened for as long as was waited: the vCPU is halted, asleep in KVM_RUN, or in its loop. */
  | { readonly kind: 'stays' }
  /** Anything else: no case expects it. */
  | { readonly kind: 'unexpected'; readonly what: string };

/** What a handler finds. */
export interface GuestEvent {
  readonly vector: number;
  /** Undefined for a vector without one. */
  readonly errorCode: number | undefined;
  readonly cr2: number;
  /** Privilege level that was interrupted. */
  readonly cpl: 0 | 3;
  /** The two words of the area that the guest shares with KVM. */
  readonly flagsWord: number;
  readonly tokenWord: number;
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/** `EFAULT, flags 0x30, gpa 0x200000, 4096 bytes`. */
export function describeStop(stop: GuestStop): string {
  switch (stop.kind) {
    case 'done':
      return `the access was made (value ${hex(stop.value)})`;
    case 'memoryFault':
      return `KVM_RUN: ${errnoName(stop.errno)}, KVM_EXIT_MEMORY_FAULT, flags ${hex(stop.flags)}, gpa ${hex(stop.gpa)}, ${stop.sizeBytes} bytes${stop.token === 0 ? '' : `, token ${hex(stop.token)}`}`;
    case 'bareEfault':
      return `KVM_RUN: EFAULT, exit_reason ${stop.exitReason}`;
    case 'event':
      return `the guest took vector ${stop.vector}${stop.errorCode === undefined ? '' : ` with error code ${hex(stop.errorCode)}`} at CPL${stop.cpl} (CR2 ${hex(stop.cr2)}, flags word ${stop.flagsWord}, token word ${hex(stop.tokenWord)})`;
    case 'stays':
      return 'nothing happened: the vCPU stays in KVM_RUN';
    case 'unexpected':
      return stop.what;
  }
}
