/**
 * Puts the tiny guest into memory and its vCPUs straight into long mode: segments, page tables, descriptor tables, registers. The guest's
 * own start-up code then has nothing left to do but its job.
 */
import type { Vcpu } from '../kvm/index.js';
import type { SystemRam } from '../memory/index.js';
import { KVM_MP_STATE_RUNNABLE, PAGE_SIZE, RFLAGS_FIXED, RegsView } from '../uapi/index.js';
import * as abi from './abi.js';
import { writeDescriptorPage, writeIdt } from './descriptor-tables.js';
import type { ElfImage } from './elf.js';
import { isPrivate, type GuestLayout } from './layout.js';
import { setLongMode } from './long-mode.js';
import { LARGE_PAGE_BYTES, PageTables, type PageAccess, type TableMemory } from './page-tables.js';
import { readVectorTable } from './vector-table.js';

const PF_X = 1;
const PF_W = 2;
const GIGABYTE = 2 ** 30;
const USER_DATA: PageAccess = { write: true, user: true, execute: false };
/** An instruction fetch is one more way to miss a page. */
const WINDOW_ACCESS: PageAccess = { write: true, user: true, execute: true };
const KERNEL_DATA: PageAccess = { write: true, user: false, execute: false };

/** What {@link bootVcpu} needs; plain data, for a Worker. */
export interface VcpuBootState {
  readonly entry: number;
  readonly stackTop: number;
  /** CR3. */
  readonly root: number;
  readonly index: number;
}

/**
 * Writes the guest into its RAM.
 * @param low - ordinary RAM from gpa 0, `layout.lowRamSizeBytes` long, zeroed
 * @returns where each vCPU starts
 * @throws FaultLabError `GUEST_ELF` when a symbol is missing or the vector table makes no sense
 */
export function installGuest(elf: ElfImage, layout: GuestLayout, low: SystemRam): VcpuBootState[] {
  const frames = new FrameAllocator(low, layout.framesBase);
  for (const segment of elf.segments) {
    const bytes = elf.bytes.subarray(segment.fileOffset, segment.fileOffset + segment.fileSizeBytes);
    for (const gpa of segmentGpas(segment.address, isPrivate(segment), layout)) low.bytes.set(bytes, checked(low, gpa, segment.memorySizeBytes));
  }
  writeIdt(pageOf(low, abi.IDT_BASE), readVectorTable(elf, abi.IST_COUNT, layout.notes === 0 ? 'vector_table' : 'noted_vector_table'));
  const istStacks = Array.from({ length: abi.IST_COUNT }, (_, i) => elf.symbol(`ist${i + 1}_stack_top`));
  const stackTop = elf.symbol('kernel_stack_top');

  let first: PageTables | null = null;
  return Array.from({ length: layout.vcpuCount }, (_, index) => {
    const descriptors = abi.DESCRIPTOR_BASE + index * PAGE_SIZE;
    writeDescriptorPage(pageOf(low, descriptors), descriptors, stackTop, istStacks);
    const tables = new PageTables(frames);
    mapKernel(tables, elf, layout, index);
    mapShared(tables, layout, first);
    first ??= tables;
    return { entry: elf.entry, stackTop, root: tables.root, index };
  });
}

/**
 * Sets a vCPU's registers to the state that the guest starts from.
 * @throws FaultLabError when KVM refuses a register
 */
export function bootVcpu(vcpu: Vcpu, boot: VcpuBootState): void {
  const descriptors = abi.DESCRIPTOR_BASE + boot.index * PAGE_SIZE;
  const sregs = vcpu.getSregs();
  setLongMode(sregs, { root: boot.root, descriptors, idt: abi.IDT_BASE, cpl: 0, isFirst: boot.index === 0 });
  vcpu.setSregs(sregs);

  const regs = RegsView.allocate();
  regs.setNumber('rip', boot.entry);
  regs.setNumber('rsp', boot.stackTop);
  regs.setNumber('rflags', RFLAGS_FIXED);
  regs.setNumber('rdi', boot.index);
  regs.setNumber('rsi', abi.VCPU_BLOCK_BASE + boot.index * PAGE_SIZE);
  regs.setNumber('rdx', descriptors + abi.TSS_OFFSET);
  vcpu.setRegs(regs);
  // With an in-kernel local APIC every vCPU but the first waits for an INIT that this guest never sends.
  vcpu.setMpState(KVM_MP_STATE_RUNNABLE);
}

/** What differs from vCPU to vCPU, and all that is mapped with 4 KiB pages: descriptors, kernel, mailbox. */
function mapKernel(tables: PageTables, elf: ElfImage, layout: GuestLayout, index: number): void {
  tables.mapSmall(abi.IDT_BASE, abi.IDT_BASE, PAGE_SIZE, KERNEL_DATA);
  const descriptors = abi.DESCRIPTOR_BASE + index * PAGE_SIZE;
  tables.mapSmall(descriptors, descriptors, PAGE_SIZE, KERNEL_DATA);
  for (const segment of elf.segments) {
    const start = segment.address - (segment.address % PAGE_SIZE);
    const gpa = isPrivate(segment) ? layout.privateBase(index) + (start - layout.privateStart) : start;
    const sizeBytes = Math.ceil((segment.address + segment.memorySizeBytes - start) / PAGE_SIZE) * PAGE_SIZE;
    tables.mapSmall(start, gpa, sizeBytes, {
      write: (segment.flags & PF_W) !== 0,
      user: (segment.flags & abi.PF_USER) !== 0,
      execute: (segment.flags & PF_X) !== 0,
    });
  }
  tables.mapSmall(abi.MAILBOX_BASE, abi.MAILBOX_BASE, (1 + layout.vcpuCount) * PAGE_SIZE, USER_DATA);
}

/** Tables and window: the same for every vCPU, so the first one's page tables serve all. */
function mapShared(tables: PageTables, layout: GuestLayout, first: PageTables | null): void {
  const windowBytes = layout.windowPages * PAGE_SIZE;
  if (first === null) {
    tables.mapLarge(abi.TABLES_BASE, abi.TABLES_BASE, layout.tablesSizeBytes, USER_DATA);
    tables.mapLarge(abi.WINDOW_BASE, abi.WINDOW_BASE, Math.ceil(windowBytes / LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES, WINDOW_ACCESS);
    return;
  }
  for (let at = 0; at < layout.tablesSizeBytes; at += GIGABYTE) tables.shareGigabyte(first, abi.TABLES_BASE + at);
  for (let at = 0; at < windowBytes; at += GIGABYTE) tables.shareGigabyte(first, abi.WINDOW_BASE + at);
}

function segmentGpas(address: number, own: boolean, layout: GuestLayout): number[] {
  if (!own) return [address];
  return Array.from({ length: layout.vcpuCount }, (_, vcpu) => layout.privateBase(vcpu) + (address - layout.privateStart));
}

function checked(ram: SystemRam, gpa: number, lengthBytes: number): number {
  const offset = ram.offsetOf(gpa, lengthBytes);
  if (offset < 0) throw new RangeError(`the guest's ${lengthBytes} bytes at gpa 0x${gpa.toString(16)} lie outside its RAM`);
  return offset;
}

function pageOf(ram: SystemRam, gpa: number): DataView {
  const offset = checked(ram, gpa, PAGE_SIZE);
  return new DataView(ram.data.buffer, ram.data.byteOffset + offset, PAGE_SIZE);
}

/** Hands out the frames after the guest's private copies, in order. */
class FrameAllocator implements TableMemory {
  readonly data: DataView;

  constructor(
    private readonly ram: SystemRam,
    private next: number,
  ) {
    this.data = ram.data;
  }

  allocateFrame(): number {
    const frame = this.next;
    checked(this.ram, frame, PAGE_SIZE);
    this.next += PAGE_SIZE;
    return frame;
  }

  offsetOf(gpa: number, lengthBytes: number): number {
    return checked(this.ram, gpa, lengthBytes);
  }
}
