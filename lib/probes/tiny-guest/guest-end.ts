/** How a run of the tiny guest ended, and in which words a fact says so. */
import { errnoName } from '../../errors/index.js';
import type { VcpuExit } from '../../kvm/index.js';
import { exitReasonTitle, internalErrorTitle } from '../../uapi/index.js';
import type { Trap } from './memory.js';

/** See the module's comment. */
export type GuestEnd =
  /** The code came to its end. */
  | { readonly kind: 'end' }
  /** An exception or interrupt reached the guest's handler. */
  | { readonly kind: 'trap'; readonly trap: Trap; readonly cr2: bigint }
  /** SYSCALL or SYSENTER reached its target. */
  | { readonly kind: 'entry'; readonly cpl: number }
  /** KVM_RUN came back for something else; `reason` is kvm_run.exit_reason, whatever KVM_RUN returned. */
  | { readonly kind: 'exit'; readonly exit: VcpuExit; readonly reason: number }
  /** KVM_RUN did not come back but for the ends of slices; `retries` where the same instruction kept faulting meanwhile. */
  | { readonly kind: 'stays'; readonly retries: boolean };

/** Mnemonics of the exceptions (SDM vol. 3, 6.3.1; APM vol. 2, 8.2). */
const VECTOR_NAMES: Readonly<Record<number, string>> = {
  0: '#DE', 1: '#DB', 2: 'NMI', 3: '#BP', 4: '#OF', 5: '#BR', 6: '#UD', 7: '#NM', 8: '#DF', 10: '#TS', 11: '#NP', 12: '#SS', 13: '#GP', 14: '#PF', 16: '#MF', 17: '#AC', 18: '#MC', 19: '#XM', 20: '#VE', 21: '#CP',
};

/** `#GP(0x182)`, `NMI`, `vector 0x30`. */
export function describeVector({ vector, errorCode }: Pick<Trap, 'vector' | 'errorCode'>): string {
  const name = VECTOR_NAMES[vector] ?? `vector 0x${vector.toString(16)}`;
  return errorCode === undefined ? name : `${name}(0x${errorCode.toString(16)})`;
}

/** One end in words; the same words for the same end on every host. */
export function describeEnd(end: GuestEnd): string {
  switch (end.kind) {
    case 'end':
      return 'runs';
    case 'trap':
      return describeVector(end.trap);
    case 'entry':
      return `reaches the entry point at CPL ${end.cpl}`;
    case 'stays':
      return end.retries ? 'KVM_RUN does not return (retries)' : 'KVM_RUN does not return';
    case 'exit':
      return describeExit(end.exit, end.reason);
  }
}

function describeExit(exit: VcpuExit, reason: number): string {
  switch (exit.kind) {
    case 'bareEfault':
      return `EFAULT, exit_reason ${reason}`;
    case 'memoryFault':
      return `${errnoName(exit.errno)}, KVM_EXIT_MEMORY_FAULT`;
    case 'error':
      return `KVM_RUN: ${errnoName(exit.errno)}`;
    case 'internalError':
      return internalErrorTitle(exit.suberror);
    default:
      return exitReasonTitle(reason);
  }
}
