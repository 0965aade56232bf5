/**
 * A guest that executes one instruction form after the other, at CPL3 or CPL0, with a window whose pages are missing as the machine's are:
 * userfaultfd fails the access. No irqchip, so that KVM never waits for a page by itself.
 */
import { inspect } from 'node:util';
import { EINTR, FaultLabError } from '../../../lib/errors/index.js';
import { PageTables, type TableMemory } from '../../../lib/guest/page-tables.js';
import { Kvm, type Vcpu, type Vm } from '../../../lib/kvm/index.js';
import { MachineReader } from '../../../lib/machine/guest-reader.js';
import { PagedWindow, SystemRam, UserfaultBitmap, gpaNumber, userfaultBitmapSizeBytes } from '../../../lib/memory/index.js';
import { nativeAddon, type NativeUserfaultfd } from '../../../lib/native/index.js';
import * as uapi from '../../../lib/uapi/index.js';
import { runToExit } from '../../kvm/guests.js';
import { CODE, CONSTANTS, END, GDT, STACK, TABLED, TABLED_PAGE, TABLE_PAGE, TARGET, WINDOW, WINDOW_PAGES, page, type Form } from './form.js';

const PAGE = uapi.PAGE_SIZE;
const RAM_BYTES = 0x4_0000;
/** The table that lies in the window is built here. */
const TABLE_DRAFT = 0x3_0000;
const WINDOW_BYTES = WINDOW_PAGES * PAGE;
/** XCR0 (SDM volume 1, 13.3): x87, SSE, AVX, and the three parts of AVX-512. */
const XCR0_FEATURES = 0xe7n;
/** Nothing, nothing, code and data of either level: the selectors of a level are 0x10 and 0x18 for CPL0, 0x23 and 0x2b for CPL3. */
const GDT_ENTRIES = [0n, 0n, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x00af_fb00_0000_ffffn, 0x00cf_f300_0000_ffffn];

/** Contents of the window: the same in every page, no two neighbouring bytes alike, never 0xff. */
const PATTERN = Uint8Array.from({ length: WINDOW_BYTES }, (_, at) => ((at % PAGE) * 7 + 3) % 251);

/** What a stretch of the guest ended with. */
export type Stop =
  /** KVM_RUN failed with EFAULT; `named` is the page that KVM named, null where it does not. */
  | { readonly kind: 'fault'; readonly named: number | null }
  /** KVM's emulator took a missing page for a device. */
  | { readonly kind: 'mmio'; readonly gpa: number; readonly sizeBytes: number; readonly isWrite: boolean }
  /** KVM's emulator gave up. */
  | { readonly kind: 'unemulated' }
  /** An exception; the guest has no IDT. It cannot be used any more. */
  | { readonly kind: 'exception' }
  | { readonly kind: 'end' };

/** What a form came to: what an identical run must come to as well. */
export interface FinalState {
  readonly registers: Uint8Array;
  readonly vectors: Uint8Array;
  readonly window: Uint8Array;
}

/** See the module's comment. */
export class FormGuest {
  readonly vcpu: Vcpu;
  readonly reader: MachineReader;
  readonly bitmap: UserfaultBitmap;
  private readonly kvm: Kvm;
  private readonly vm: Vm;
  private readonly ram: SystemRam;
  private readonly window: PagedWindow;
  private readonly userfaultfd: NativeUserfaultfd;
  private readonly tables: PageTables;
  private readonly xcr0: bigint;
  private readonly firstVectors: Uint8Array;

  constructor(readonly cpl: 0 | 3) {
    const { Userfaultfd } = nativeAddon();
    this.kvm = Kvm.open();
    this.vm = this.kvm.createVm();
    this.ram = SystemRam.create(gpaNumber(0), RAM_BYTES);
    this.window = PagedWindow.create(WINDOW_PAGES);
    this.bitmap = new UserfaultBitmap(new ArrayBuffer(userfaultBitmapSizeBytes(WINDOW_PAGES)), WINDOW_PAGES);
    const { MISSING_SHMEM, MINOR_SHMEM, SIGBUS } = uapi.uffdFeatures;
    this.userfaultfd = new Userfaultfd(MISSING_SHMEM | MINOR_SHMEM | SIGBUS);
    this.userfaultfd.register(this.window.guestView, 0, WINDOW_BYTES, uapi.UFFDIO_REGISTER_MODE_MISSING | uapi.UFFDIO_REGISTER_MODE_MINOR);
    this.reader = new MachineReader(this.ram, this.window, WINDOW, this.bitmap);
    const frames = new Frames(this.ram);
    this.tables = new PageTables(frames);
    const access = { write: true, user: true, execute: true };
    this.tables.mapSmall(CODE, CODE, 3 * PAGE, access);
    this.tables.mapSmall(END, END, PAGE, access);
    this.tables.mapSmall(WINDOW, WINDOW, WINDOW_BYTES, access);
    frames.next = page(TABLE_PAGE);
    this.tables.mapSmall(TABLED, page(TABLED_PAGE), PAGE, access);
    this.put(GDT, new Uint8Array(BigUint64Array.from(GDT_ENTRIES).buffer));
    this.vm.createMemorySlot({ slot: 0, gpa: uapi.gpa(0), sizeBytes: RAM_BYTES, mapping: this.ram.mapping });
    this.vm.createMemorySlot({ slot: 1, gpa: uapi.gpa(WINDOW), sizeBytes: WINDOW_BYTES, mapping: this.window.guestView });
    this.vcpu = this.vm.createVcpu(0);
    this.vcpu.setCpuid(this.kvm.supportedCpuid());
    this.xcr0 = this.enableVectors();
    this.vcpu.syncRegs.enableSync(uapi.KVM_SYNC_X86_REGS | uapi.KVM_SYNC_X86_SREGS | uapi.KVM_SYNC_X86_EVENTS);
    this.firstVectors = this.vectors();
  }

  /** Gets ready to run a form, with the whole window missing or all of it present. */
  load(form: Form, code: Uint8Array, ending: Uint8Array, missing: boolean): void {
    const { hostView, guestView } = this.window;
    hostView.write(0, PATTERN);
    hostView.write(TABLE_PAGE * PAGE, this.ram.bytes.subarray(TABLE_DRAFT, TABLE_DRAFT + PAGE));
    for (const [address, word] of form.memory ?? []) hostView.write(address - WINDOW, new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, BigInt(word))).buffer));
    if (form.gdtBase !== undefined) this.put(form.gdtBase, this.ram.bytes.subarray(GDT, GDT + GDT_ENTRIES.length * 8));
    this.put(TARGET, ending);
    this.put(CONSTANTS, new Uint8Array(BigUint64Array.from((form.constants ?? []).map((word) => BigInt.asUintN(64, BigInt(word)))).buffer));
    this.put(form.at ?? CODE, code);
    if (form.endsAt !== undefined) this.put(form.endsAt, ending);
    guestView.advise(0, WINDOW_BYTES, uapi.MADV_DONTNEED);
    this.bitmap.setAll();
    for (let page = 0; page < WINDOW_PAGES; page++) if (!missing || form.present?.includes(page) === true) this.bring(page);
    this.boot(form);
  }

  /** Makes a page present, as a resolver does. */
  bring(page: number): void {
    const brought = this.userfaultfd.continue(this.window.guestView, page * PAGE, PAGE, 0);
    if (brought !== PAGE) throw new Error(`UFFDIO_CONTINUE of page ${page} came to ${brought}`);
    this.bitmap.clear(page);
  }

  /**
   * Runs until something happens.
   * @throws Error where it is nothing that a form may come to
   */
  run(): Stop {
    const exit = runToExit(this.vcpu);
    switch (exit.kind) {
      case 'bareEfault':
        return { kind: 'fault', named: null };
      case 'memoryFault':
        return { kind: 'fault', named: this.reader.windowPage(this.vcpu.exit.faultingPageGpa) };
      case 'mmio':
        if (exit.gpa === BigInt(END)) return this.finish();
        return { kind: 'mmio', gpa: Number(exit.gpa), sizeBytes: exit.data.length, isWrite: exit.isWrite };
      case 'shutdown':
        return { kind: 'exception' };
      default:
        if (exit.kind === 'internalError' && exit.suberror === uapi.internalErrors.EMULATION) return { kind: 'unemulated' };
        throw new Error(`the guest left in a way that no form asks for: ${inspect(exit)}`);
    }
  }

  /** Does an access that KVM's emulator brought as MMIO, in the page's contents. */
  answerMmio({ gpa, sizeBytes, isWrite }: Extract<Stop, { kind: 'mmio' }>): void {
    const datum = new Uint8Array(8);
    const view = new DataView(datum.buffer);
    const { exit } = this.vcpu;
    if (isWrite) {
      view.setUint32(0, exit.mmioDataLow, true);
      view.setUint32(4, exit.mmioDataHigh, true);
      this.window.hostView.write(gpa - WINDOW, datum.subarray(0, sizeBytes));
    } else {
      this.window.hostView.read(gpa - WINDOW, datum.subarray(0, sizeBytes));
      exit.setMmioData(view.getUint32(0, true), view.getUint32(4, true));
    }
  }

  /** Registers, vectors and window of a form that ended. */
  finalState(): FinalState {
    const window = new Uint8Array(WINDOW_BYTES);
    this.window.hostView.read(0, window);
    return { registers: this.vcpu.getRegs().bytes(), vectors: vectorData(this.vectors()), window };
  }

  close(): void {
    this.vcpu.close();
    this.userfaultfd.close();
    this.vm.close();
    this.window.close();
    this.ram.close();
    this.kvm.close();
  }

  /** Switches on all vector registers there are; what XCR0 came to, 0 where KVM allows none. */
  private enableVectors(): bigint {
    const xcr0 = BigInt(uapi.findCpuid(this.vcpu.getCpuid(), 0xd)?.eax ?? 0) & XCR0_FEATURES;
    const sregs = this.vcpu.getSregs();
    sregs.setNumber('cr4', sregs.number('cr4') | uapi.CR4_OSXSAVE);
    try {
      this.vcpu.setSregs(sregs);
      this.vcpu.ioctl(uapi.ioctls.KVM_SET_XCRS, xcrs(xcr0));
      return xcr0;
    } catch (error) {
      if (error instanceof FaultLabError && error.code === 'KVM_EINVAL') return 0n;
      throw error;
    }
  }

  private put(address: number, bytes: Uint8Array): void {
    if (address >= WINDOW) this.window.hostView.write(address - WINDOW, bytes);
    else this.ram.bytes.set(bytes, address);
  }

  /** The write that ended the form is still to be completed, or the next entry would do so with the next form's registers. */
  private finish(): Stop {
    this.vcpu.exit.setImmediateExit(true);
    const result = this.vcpu.run();
    if (result !== -EINTR) throw new Error(`KVM_RUN with immediate_exit returned ${result}`);
    return { kind: 'end' };
  }

  private vectors(): Uint8Array {
    const area = new Uint8Array(4096);
    this.vcpu.ioctl(uapi.ioctls.KVM_GET_XSAVE, area);
    return area;
  }

  private boot(form: Form): void {
    const sregs = this.vcpu.getSregs();
    sregs.setNumber('cr0', uapi.CR0_PG + (uapi.CR0_PE | uapi.CR0_MP | uapi.CR0_ET | uapi.CR0_NE | uapi.CR0_WP));
    sregs.setNumber('cr3', this.tables.root);
    sregs.setNumber('cr4', uapi.CR4_PAE | uapi.CR4_OSFXSR | uapi.CR4_OSXMMEXCPT | (this.xcr0 === 0n ? 0 : uapi.CR4_OSXSAVE));
    sregs.setNumber('efer', uapi.EFER_LME | uapi.EFER_LMA);
    setSegment(sregs.cs, { selector: this.cpl === 0 ? 0x10 : 0x23, type: 0xb, l: 1, dpl: this.cpl });
    for (const segment of [sregs.ss, sregs.ds, sregs.es, sregs.fs, sregs.gs]) setSegment(segment, { selector: this.cpl === 0 ? 0x18 : 0x2b, type: 0x3, db: 1, dpl: this.cpl });
    sregs.fs.setNumber('base', form.fsBase ?? 0);
    sregs.gs.setNumber('base', form.gsBase ?? 0);
    setSegment(sregs.tr, { selector: 0x30, type: 0xb, s: 0, g: 0, limit: 0x67 });
    sregs.idt.setNumber('base', form.idtBase ?? 0);
    sregs.idt.setNumber('limit', form.idtBase === undefined ? 0 : PAGE - 1);
    sregs.gdt.setNumber('base', form.gdtBase ?? GDT);
    sregs.gdt.setNumber('limit', GDT_ENTRIES.length * 8 - 1);
    this.vcpu.setSregs(sregs);
    this.vcpu.ioctl(uapi.ioctls.KVM_SET_XSAVE, this.firstVectors);

    const regs = uapi.RegsView.allocate();
    // Of no meaning, and not canonical: a form that uses a register it did not set fails.
    for (const name of ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp'] as const) regs.set(name, 0x5a00_0000_0000_0000n);
    regs.setNumber('rsp', STACK);
    regs.setNumber('rflags', uapi.RFLAGS_FIXED);
    regs.setNumber('rip', form.at ?? CODE);
    for (const [name, value] of Object.entries(form.registers ?? {}) as [uapi.RegName, number | bigint][]) regs.set(name, BigInt.asUintN(64, BigInt(value)));
    this.vcpu.setRegs(regs);
  }
}

function setSegment(segment: uapi.StructView<uapi.SegmentField>, values: Partial<Record<uapi.SegmentField, number>>): void {
  const all = { base: 0, limit: 0xffff_ffff, present: 1, s: 1, g: 1, l: 0, db: 0, dpl: 0, avl: 0, unusable: 0, ...values };
  for (const [field, value] of Object.entries(all) as [uapi.SegmentField, number][]) segment.setNumber(field, value);
}

/** The registers of an XSAVE area: without its header, which says what the CPU has in its initial state, and where the FPU was last. */
function vectorData(area: Uint8Array): Uint8Array {
  const data = area.slice();
  data.fill(0, 6, 24);
  data.fill(0, 512, 576);
  return data;
}

/** struct kvm_xcrs with XCR0 alone. */
function xcrs(xcr0: bigint): Uint8Array {
  const bytes = new Uint8Array(392);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 1, true);
  view.setBigUint64(16, xcr0, true);
  return bytes;
}

/** Frames for page tables. */
class Frames implements TableMemory {
  readonly data: DataView;
  /** The next frame: in RAM, or the one page of the window that holds a table. */
  next = 0x1_0000;

  constructor(ram: SystemRam) {
    this.data = ram.data;
  }

  allocateFrame(): number {
    this.next += PAGE;
    return this.next - PAGE;
  }

  offsetOf(gpa: number): number {
    return gpa < WINDOW ? gpa : TABLE_DRAFT + (gpa % PAGE);
  }
}
