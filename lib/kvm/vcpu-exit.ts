import { EFAULT, EHWPOISON, EINTR } from '../errors/index.js';
import {
  gpa,
  internalErrors,
  kvmRunLayout,
  KVM_EXIT_HLT,
  KVM_EXIT_HYPERCALL,
  KVM_EXIT_FAIL_ENTRY,
  KVM_EXIT_INTERNAL_ERROR,
  KVM_EXIT_INTR,
  KVM_EXIT_IO,
  KVM_EXIT_IO_OUT,
  KVM_EXIT_IOAPIC_EOI,
  KVM_EXIT_IRQ_WINDOW_OPEN,
  KVM_EXIT_MMIO,
  KVM_EXIT_SHUTDOWN,
  KVM_EXIT_X86_RDMSR,
  KVM_EXIT_X86_WRMSR,
  KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES,
  type Gpa,
} from '../uapi/index.js';
import type { ExitView } from './exit-view.js';
import type { MemoryFailure } from './memory-failure.js';

/** Words of kvm_run.emulation_failure, which lies over internal.data: flags, then the size and the bytes of the instruction. */
const EMULATION_FAILURE_WORDS = 3;

/** What a memory-fault exit says of an intercepted page. */
export interface UserfaultExit {
  /** An async page fault: the guest was told, or its vCPU halts meanwhile. */
  readonly isAsync: boolean;
  /** On a kernel with the RFC of 2024: token of the async page fault. On others it means nothing. */
  readonly token: number;
}

/** Why KVM_RUN returned, with what came along. Copied out of the run area: it stays true after the next entry. */
export type VcpuExit =
  /** HLT without an in-kernel irqchip. */
  | { readonly kind: 'hlt' }
  /** A port access; `data` is the first value of an OUT, 0 for an IN. */
  | { readonly kind: 'io'; readonly direction: 'in' | 'out'; readonly port: number; readonly sizeBytes: number; readonly count: number; readonly data: number }
  /** An access to a gpa without a memslot (or a write to a read-only one); `data` is what was written, zeros for a read. */
  | { readonly kind: 'mmio'; readonly gpa: Gpa; readonly isWrite: boolean; readonly data: Uint8Array }
  | { readonly kind: 'rdmsr'; readonly index: number; readonly reason: number }
  | { readonly kind: 'wrmsr'; readonly index: number; readonly reason: number; readonly data: bigint }
  /**
   * KVM_RUN failed with EFAULT or EHWPOISON (`errno`) and KVM says where (api.rst, KVM_EXIT_MEMORY_FAULT). `flags` holds all
   * bits, those of proposals as well; `isPrivate` is KVM_MEMORY_EXIT_FLAG_PRIVATE; `userfault` is there where a proposal intercepted the page.
   */
  | { readonly kind: 'memoryFault'; readonly errno: number; readonly flags: bigint; readonly isPrivate: boolean; readonly gpa: Gpa; readonly sizeBytes: number; readonly userfault?: UserfaultExit }
  /** KVM_RUN failed with EFAULT and KVM says nothing more: what stock kernels do when the host cannot supply a page. */
  | { readonly kind: 'bareEfault' }
  /**
   * Poisoned host memory is in the way, which the kernel told by SIGBUS. KVM itself was only interrupted, and repeats the access when it
   * is run again.
   */
  | ({ readonly kind: 'memoryFailure' } & MemoryFailure)
  /** A signal, a kick, or immediate_exit. */
  | { readonly kind: 'interrupted' }
  /** The guest takes interrupts again (no in-kernel irqchip). */
  | { readonly kind: 'interruptWindow' }
  /** Triple fault. */
  | { readonly kind: 'shutdown' }
  /** The hardware refused to enter the guest. */
  | { readonly kind: 'failEntry'; readonly hardwareReason: bigint; readonly cpu: number }
  /** KVM gave up; `instruction` is there where its emulator did not know one and KVM says which. */
  | { readonly kind: 'internalError'; readonly suberror: number; readonly data: readonly bigint[]; readonly instruction?: Uint8Array }
  | { readonly kind: 'hypercall'; readonly number: bigint; readonly args: readonly bigint[] }
  /** The guest acknowledged an interrupt that user space's I/O APIC routed (split irqchip). */
  | { readonly kind: 'apicEoi'; readonly vector: number }
  /** An exit this project does not expect. */
  | { readonly kind: 'unknown'; readonly reason: number }
  /** KVM_RUN failed otherwise; positive errno. */
  | { readonly kind: 'error'; readonly errno: number };

/**
 * Decodes what KVM_RUN left. `result` is what `run()` returned: 0 or a negative errno. Allocates: the vCPU loop reads the
 * `ExitView` and comes here for what it does not handle itself.
 *
 * `failure` is what `Vcpu.memoryFailure` says of the same result. exit_reason is trusted only where KVM set it (api.rst, KVM_RUN): after 0,
 * and, for a memory fault, after EFAULT and EHWPOISON. `Vcpu.run` clears it beforehand: a kernel that does not annotate memory faults leaves
 * no earlier reason behind.
 */
export function decodeExit(view: ExitView, result: number, failure: MemoryFailure | null = null): VcpuExit {
  if (failure !== null) return { kind: 'memoryFailure', ...failure };
  if (result < 0) return decodeFailure(view, -result);
  const reason = view.exitReason;
  switch (reason) {
    case KVM_EXIT_HLT:
      return { kind: 'hlt' };
    case KVM_EXIT_IO: {
      const out = view.ioDirection === KVM_EXIT_IO_OUT;
      return { kind: 'io', direction: out ? 'out' : 'in', port: view.ioPort, sizeBytes: view.ioSize, count: view.ioCount, data: out ? view.ioData32 : 0 };
    }
    case KVM_EXIT_MMIO: {
      const sizeBytes = Math.min(8, view.mmioSize);
      const isWrite = view.mmioIsWrite;
      const data = isWrite ? view.copyBytes(kvmRunLayout.fields['mmio.data'].offset, sizeBytes) : new Uint8Array(sizeBytes);
      return { kind: 'mmio', gpa: gpa(view.mmioGpa), isWrite, data };
    }
    case KVM_EXIT_X86_RDMSR:
      return { kind: 'rdmsr', index: view.msrIndex, reason: view.msrReason };
    case KVM_EXIT_X86_WRMSR:
      return { kind: 'wrmsr', index: view.msrIndex, reason: view.msrReason, data: (BigInt(view.msrDataHigh) << 32n) | BigInt(view.msrDataLow) };
    case KVM_EXIT_INTR:
      return { kind: 'interrupted' };
    case KVM_EXIT_IRQ_WINDOW_OPEN:
      return { kind: 'interruptWindow' };
    case KVM_EXIT_SHUTDOWN:
      return { kind: 'shutdown' };
    case KVM_EXIT_FAIL_ENTRY:
      return { kind: 'failEntry', hardwareReason: view.failEntryReason, cpu: view.failEntryCpu };
    case KVM_EXIT_INTERNAL_ERROR:
      return decodeInternalError(view);
    case KVM_EXIT_HYPERCALL:
      return { kind: 'hypercall', number: view.hypercallNumber, args: [0, 1, 2, 3, 4, 5].map((at) => view.hypercallArgument(at)) };
    case KVM_EXIT_IOAPIC_EOI:
      return { kind: 'apicEoi', vector: view.eoiVector };
    default:
      return { kind: 'unknown', reason };
  }
}

function decodeFailure(view: ExitView, errno: number): VcpuExit {
  if (errno === EINTR) return { kind: 'interrupted' };
  if ((errno === EFAULT || errno === EHWPOISON) && view.hasMemoryFault) {
    return {
      kind: 'memoryFault',
      errno,
      flags: view.memoryFaultFlags,
      isPrivate: view.memoryFaultIsPrivate,
      gpa: gpa(view.memoryFaultGpa),
      sizeBytes: view.memoryFaultSize,
      ...(view.memoryFaultIsUserfault ? { userfault: { isAsync: view.memoryFaultIsAsync, token: view.memoryFaultIsAsync ? view.asyncPfUserToken : 0 } } : {}),
    };
  }
  return errno === EFAULT ? { kind: 'bareEfault' } : { kind: 'error', errno };
}

function decodeInternalError(view: ExitView): VcpuExit {
  const suberror = view.internalSuberror;
  const count = view.internalDataCount;
  const data = Array.from({ length: count }, (_, at) => view.internalData(at));
  const hasInstruction = suberror === internalErrors.EMULATION && count >= EMULATION_FAILURE_WORDS && (data[0] & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) !== 0n;
  if (!hasInstruction) return { kind: 'internalError', suberror, data };
  const { 'emulation_failure.insn_size': size, 'emulation_failure.insn_bytes': bytes } = kvmRunLayout.fields;
  const sizeBytes = Math.min(bytes.size, view.copyBytes(size.offset, 1)[0]);
  return { kind: 'internalError', suberror, data, instruction: view.copyBytes(bytes.offset, sizeBytes) };
}
