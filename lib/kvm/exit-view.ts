import { KVM_EXIT_MEMORY_FAULT, KVM_MEMORY_EXIT_FLAG_PRIVATE, kvmRunLayout, PAGE_SIZE } from '../uapi/index.js';
import { KVM_MEMORY_EXIT_FLAG_APF, KVM_MEMORY_EXIT_FLAG_USERFAULT, kvmRunAsyncPfUserLayout } from '../uapi/proposals/index.js';

const TWO_32 = 0x1_0000_0000;
/** x86-64 has at most 52 bits of physical address. */
const END_OF_GPAS = 2 ** 52;
const PRIVATE = Number(KVM_MEMORY_EXIT_FLAG_PRIVATE);
/** Every proposal with async page faults gives them this bit, beside that of an intercepted page. */
const ASYNC = KVM_MEMORY_EXIT_FLAG_USERFAULT | KVM_MEMORY_EXIT_FLAG_APF;
const { fields } = kvmRunLayout;

// Offsets as constants of this module: a lookup in the table on each exit would show up in the vCPU loop.
const REQUEST_INTERRUPT_WINDOW = fields.request_interrupt_window.offset;
const IMMEDIATE_EXIT = fields.immediate_exit.offset;
const EXIT_REASON = fields.exit_reason.offset;
const READY_FOR_INTERRUPT = fields.ready_for_interrupt_injection.offset;
const IF_FLAG = fields.if_flag.offset;
const RUN_FLAGS = fields.flags.offset;
const IO_DIRECTION = fields['io.direction'].offset;
const IO_SIZE = fields['io.size'].offset;
const IO_PORT = fields['io.port'].offset;
const IO_COUNT = fields['io.count'].offset;
const IO_DATA_OFFSET = fields['io.data_offset'].offset;
const MMIO_ADDRESS = fields['mmio.phys_addr'].offset;
const MMIO_DATA = fields['mmio.data'].offset;
const MMIO_LENGTH = fields['mmio.len'].offset;
const MMIO_IS_WRITE = fields['mmio.is_write'].offset;
const MSR_ERROR = fields['msr.error'].offset;
const MSR_REASON = fields['msr.reason'].offset;
const MSR_INDEX = fields['msr.index'].offset;
const MSR_DATA = fields['msr.data'].offset;
const FAULT_FLAGS = fields['memory_fault.flags'].offset;
const FAULT_GPA = fields['memory_fault.gpa'].offset;
const FAULT_SIZE = fields['memory_fault.size'].offset;
const FAULT_TOKEN = kvmRunAsyncPfUserLayout.fields['memory_fault.async_pf_user_token'].offset;
const INTERNAL_SUBERROR = fields['internal.suberror'].offset;
const INTERNAL_COUNT = fields['internal.ndata'].offset;
const INTERNAL_DATA = fields['internal.data'].offset;
const FAIL_ENTRY_REASON = fields['fail_entry.hardware_entry_failure_reason'].offset;
const FAIL_ENTRY_CPU = fields['fail_entry.cpu'].offset;
const HYPERCALL_NUMBER = fields['hypercall.nr'].offset;
const HYPERCALL_ARGUMENTS = fields['hypercall.args'].offset;
const HYPERCALL_RESULT = fields['hypercall.ret'].offset;
const EOI_VECTOR = fields['eoi.vector'].offset;

/**
 * The exit data of struct kvm_run, in place. Nothing here allocates (but for the members that say so): this is what the
 * vCPU loop reads after `Vcpu.run()`.
 *
 * `exitReason` and all that depends on it are valid only where KVM_RUN returned 0; after EINTR the reason is KVM_EXIT_INTR;
 * after EFAULT and EHWPOISON it is KVM_EXIT_MEMORY_FAULT where KVM knows the address. After any other error it means nothing.
 * Each getter of a union member is valid only for the exit reason it belongs to. 64-bit values come as Numbers, exact below
 * 2^53: physical addresses have at most 52 bits.
 */
export class ExitView {
  readonly #data: DataView;

  /** `runArea` is struct kvm_run and the page of port data behind it. Throws RangeError where it is too short for that. */
  constructor(runArea: ArrayBuffer) {
    if (runArea.byteLength < kvmRunLayout.size) throw new RangeError(`struct kvm_run is ${kvmRunLayout.size} bytes; ${runArea.byteLength} are there`);
    this.#data = new DataView(runArea);
  }

  #number64(at: number): number {
    return this.#data.getUint32(at + 4, true) * TWO_32 + this.#data.getUint32(at, true);
  }

  /** KVM_EXIT_*. */
  get exitReason(): number {
    return this.#data.getUint32(EXIT_REASON, true);
  }
  /** RFLAGS.IF at the exit. */
  get interruptFlag(): boolean {
    return this.#data.getUint8(IF_FLAG) !== 0;
  }
  /** True where KVM_INTERRUPT would be taken now (no in-kernel irqchip). */
  get readyForInterruptInjection(): boolean {
    return this.#data.getUint8(READY_FOR_INTERRUPT) !== 0;
  }
  /** kvm_run.flags: KVM_RUN_X86_*. */
  get runFlags(): number {
    return this.#data.getUint16(RUN_FLAGS, true);
  }
  /** Asks for KVM_EXIT_IRQ_WINDOW_OPEN as soon as the guest takes interrupts (no in-kernel irqchip). */
  setRequestInterruptWindow(on: boolean): void {
    this.#data.setUint8(REQUEST_INTERRUPT_WINDOW, on ? 1 : 0);
  }
  /** With it set, the next KVM_RUN completes pending user-space work and returns EINTR without entering the guest. */
  setImmediateExit(on: boolean): void {
    this.#data.setUint8(IMMEDIATE_EXIT, on ? 1 : 0);
  }

  /** KVM_EXIT_IO: KVM_EXIT_IO_IN or KVM_EXIT_IO_OUT. */
  get ioDirection(): number {
    return this.#data.getUint8(IO_DIRECTION);
  }
  /** Bytes of one access: 1, 2 or 4. */
  get ioSize(): number {
    return this.#data.getUint8(IO_SIZE);
  }
  get ioPort(): number {
    return this.#data.getUint16(IO_PORT, true);
  }
  /** Accesses in this exit: more than 1 for string instructions. */
  get ioCount(): number {
    return this.#data.getUint32(IO_COUNT, true);
  }
  /** Byte offset of the port data in the run area. */
  get ioDataOffset(): number {
    return this.#number64(IO_DATA_OFFSET);
  }
  /** The (first) value of a port access, zero-extended. */
  get ioData32(): number {
    return this.#read(this.ioDataOffset, this.ioSize);
  }
  /** Answers a port read: the first value of it. */
  setIoData32(value: number): void {
    const at = this.ioDataOffset;
    const size = this.ioSize;
    if (size === 1) this.#data.setUint8(at, value);
    else if (size === 2) this.#data.setUint16(at, value, true);
    else this.#data.setUint32(at, value, true);
  }

  /** KVM_EXIT_MMIO: guest physical address. */
  get mmioGpa(): number {
    return this.#number64(MMIO_ADDRESS);
  }
  /** Bytes of the access: 1 to 8. */
  get mmioSize(): number {
    return this.#data.getUint32(MMIO_LENGTH, true);
  }
  get mmioIsWrite(): boolean {
    return this.#data.getUint8(MMIO_IS_WRITE) !== 0;
  }
  get mmioDataLow(): number {
    return this.#data.getUint32(MMIO_DATA, true);
  }
  get mmioDataHigh(): number {
    return this.#data.getUint32(MMIO_DATA + 4, true);
  }
  /** Answers an MMIO read. */
  setMmioData(low: number, high: number): void {
    this.#data.setUint32(MMIO_DATA, low, true);
    this.#data.setUint32(MMIO_DATA + 4, high, true);
  }

  /** KVM_EXIT_X86_RDMSR and KVM_EXIT_X86_WRMSR: the MSR. */
  get msrIndex(): number {
    return this.#data.getUint32(MSR_INDEX, true);
  }
  /** Why it left the kernel: KVM_MSR_EXIT_REASON_*. */
  get msrReason(): number {
    return this.#data.getUint32(MSR_REASON, true);
  }
  get msrDataLow(): number {
    return this.#data.getUint32(MSR_DATA, true);
  }
  get msrDataHigh(): number {
    return this.#data.getUint32(MSR_DATA + 4, true);
  }
  /** Answers a RDMSR. */
  setMsrData(low: number, high: number): void {
    this.#data.setUint32(MSR_DATA, low, true);
    this.#data.setUint32(MSR_DATA + 4, high, true);
  }
  /** True gives the guest #GP at the next entry. */
  setMsrError(refused: boolean): void {
    this.#data.setUint8(MSR_ERROR, refused ? 1 : 0);
  }

  /**
   * After EFAULT or EHWPOISON: gpa of the page that KVM could not have, or -1 where it does not say (or what it says is no page:
   * x86 reports one page, aligned).
   */
  get faultingPageGpa(): number {
    if (!this.hasMemoryFault || this.memoryFaultSize !== PAGE_SIZE) return -1;
    const at = this.memoryFaultGpa;
    return at % PAGE_SIZE === 0 ? at : -1;
  }
  /** After EFAULT or EHWPOISON: KVM says where (KVM_EXIT_MEMORY_FAULT), and it is an address that guest memory can have. */
  get hasMemoryFault(): boolean {
    return this.exitReason === KVM_EXIT_MEMORY_FAULT && this.memoryFaultGpa < END_OF_GPAS;
  }
  /** KVM_EXIT_MEMORY_FAULT: KVM_MEMORY_EXIT_FLAG_* bits. Allocates a BigInt. */
  get memoryFaultFlags(): bigint {
    return this.#data.getBigUint64(FAULT_FLAGS, true);
  }
  /** KVM_EXIT_MEMORY_FAULT: the guest accessed the page as private memory (KVM_MEMORY_EXIT_FLAG_PRIVATE). */
  get memoryFaultIsPrivate(): boolean {
    return (this.#data.getUint32(FAULT_FLAGS, true) & PRIVATE) !== 0;
  }
  /** KVM_EXIT_MEMORY_FAULT, of proposals: the page was intercepted (KVM_MEMORY_EXIT_FLAG_USERFAULT). */
  get memoryFaultIsUserfault(): boolean {
    return (this.#data.getUint32(FAULT_FLAGS, true) & KVM_MEMORY_EXIT_FLAG_USERFAULT) !== 0;
  }
  /** KVM_EXIT_MEMORY_FAULT, of proposals: an intercepted page, and its fault is an async page fault (bits 4 and 5). Bit 5 alone means nothing. */
  get memoryFaultIsAsync(): boolean {
    return (this.#data.getUint32(FAULT_FLAGS, true) & ASYNC) === ASYNC;
  }
  /** KVM_EXIT_MEMORY_FAULT that is async, on a kernel with the RFC of 2024 alone: token of the fault. Elsewhere, whatever an earlier exit left there. */
  get asyncPfUserToken(): number {
    return this.#data.getUint32(FAULT_TOKEN, true);
  }
  /** First byte of the range that faulted. */
  get memoryFaultGpa(): number {
    return this.#number64(FAULT_GPA);
  }
  /** Bytes in the range that faulted. */
  get memoryFaultSize(): number {
    return this.#number64(FAULT_SIZE);
  }

  /** KVM_EXIT_INTERNAL_ERROR: KVM_INTERNAL_ERROR_*. */
  get internalSuberror(): number {
    return this.#data.getUint32(INTERNAL_SUBERROR, true);
  }
  /** How many words `internalData` has: at most 16. */
  get internalDataCount(): number {
    return Math.min(16, this.#data.getUint32(INTERNAL_COUNT, true));
  }
  /** Word `at` of the internal error's data. Allocates a BigInt. */
  internalData(at: number): bigint {
    return this.#data.getBigUint64(INTERNAL_DATA + at * 8, true);
  }

  /** KVM_EXIT_FAIL_ENTRY: the hardware's reason (VMX instruction error, SVM exit code). Allocates a BigInt. */
  get failEntryReason(): bigint {
    return this.#data.getBigUint64(FAIL_ENTRY_REASON, true);
  }
  /** The physical CPU of it. */
  get failEntryCpu(): number {
    return this.#data.getUint32(FAIL_ENTRY_CPU, true);
  }

  /** KVM_EXIT_HYPERCALL: its number. Allocates a BigInt. */
  get hypercallNumber(): bigint {
    return this.#data.getBigUint64(HYPERCALL_NUMBER, true);
  }
  /** Argument `at`, 0 to 5. Allocates a BigInt. */
  hypercallArgument(at: number): bigint {
    return this.#data.getBigUint64(HYPERCALL_ARGUMENTS + at * 8, true);
  }
  /** Answers a hypercall: its RAX. */
  setHypercallResult(result: bigint): void {
    this.#data.setBigUint64(HYPERCALL_RESULT, result, true);
  }

  /** KVM_EXIT_IOAPIC_EOI: the vector (split irqchip). */
  get eoiVector(): number {
    return this.#data.getUint8(EOI_VECTOR);
  }

  /** A copy of `length` bytes of the run area. Allocates. */
  copyBytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#data.buffer, this.#data.byteOffset + at, length).slice();
  }

  #read(at: number, size: number): number {
    if (size === 1) return this.#data.getUint8(at);
    return size === 2 ? this.#data.getUint16(at, true) : this.#data.getUint32(at, true);
  }
}
