/**
 * Memory of the tiny guest: tables, a stub for each vector, a page of code for each privilege level, stacks. Everything is mapped one to
 * one. It has no kernel: a stub's one instruction is an OUT, after which the VMM reads what happened from registers and stack.
 */
import { Frames, PageTables, SELECTOR_KERNEL_CODE, TSS_OFFSET, writeDescriptorPage, writeIdt, type PageAccess, type VectorHandler } from '../../guest/index.js';
import { SystemRam, gpaNumber } from '../../memory/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';

/** Guest addresses, physical and virtual, a page each. */
const IDT = 0x1000;
const DESCRIPTORS = 0x2000;
const STUBS = 0x3000;
const ENTRY_STUB = 0x4000;
const KERNEL_STACK = 0x5000;
const IST_STACKS = [0x6000, 0x7000, 0x8000];
const KERNEL_CODE = 0x9000;
const USER_CODE = 0xa000;
const USER_STACK = 0xb000;
const KERNEL_DATA = 0xc000;
const USER_DATA = 0xd000;
const TABLES = 0x10000;
const RAM_SIZE_BYTES = 0x18000;

/** The page under test, in a memory slot of its own or in none; a slot may have a second page behind it. */
export const PAGE_GPA = 0x100000;
const PAGES = 2;

/** Ports of the guest: a stub of the IDT, the stub for SYSCALL and SYSENTER, and the end of code at CPL0. */
export const VECTOR_PORT = 0xf0;
export const ENTRY_PORT = 0xf1;
export const END_PORT = 0xf2;

/** RSP0 in the descriptor page (SDM vol. 3, figure 8-11). */
const TSS_RSP0 = TSS_OFFSET + 4;
const STUB_BYTES = 16;
const VECTORS = 256;
/** Vectors with an interrupt stack of their own, as in the project's guest: #DF, NMI, #MC. */
const IST_BY_VECTOR: ReadonlyMap<number, number> = new Map([[8, 1], [2, 2], [18, 3]]);
/** Vectors for which the CPU pushes an error code (SDM vol. 3, 6.13). */
const WITH_ERROR_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17, 21]);

/** `out %al, $port`, then a loop on the spot: who runs on meets the same OUT's successor for ever. */
const stub = (port: number): number[] => [0xe6, port, 0xeb, 0xfe];

/** What a gate of the IDT is, where it is not an interrupt gate with DPL 0. */
export type GateKind = 'absent' | 'dpl3';

/** Guest addresses that probes need. */
export const addresses = {
  idt: IDT,
  descriptors: DESCRIPTORS,
  /** Target of SYSCALL and SYSENTER; supervisor. */
  entryStub: ENTRY_STUB,
  kernelStackTop: KERNEL_STACK + PAGE_SIZE,
  kernelCode: KERNEL_CODE,
  userCode: USER_CODE,
  userStackTop: USER_STACK + PAGE_SIZE,
  /** A page only CPL0 may touch. */
  kernelData: KERNEL_DATA,
  /** A page CPL3 may write. */
  userData: USER_DATA,
  page: PAGE_GPA,
} as const;

/** An exception or interrupt as its handler finds it. */
export interface Trap {
  readonly vector: number;
  /** Undefined for a vector without one. */
  readonly errorCode: number | undefined;
  /** Address of the interrupted instruction. */
  readonly rip: number;
  /** Privilege level that was interrupted. */
  readonly cpl: number;
  /** The stack that the frame is on. */
  readonly stack: 'kernel' | 'interrupt' | 'other';
}

/** See the module's comment. */
export class TinyGuestMemory {
  readonly ram: SystemRam;
  /** CR3. */
  readonly root: number;
  private readonly tables: PageTables;

  /** @throws FaultLabError where there is no memory */
  constructor() {
    this.ram = SystemRam.create(gpaNumber(0), RAM_SIZE_BYTES);
    const tables = (this.tables = new PageTables(new Frames(this.ram, TABLES)));
    const map = (page: number, access: Partial<PageAccess>): void => {
      tables.mapSmall(page, page, PAGE_SIZE, { write: false, user: false, execute: false, ...access });
    };
    for (const page of [IDT, DESCRIPTORS, KERNEL_STACK, ...IST_STACKS, KERNEL_DATA]) map(page, { write: true });
    for (const page of [STUBS, ENTRY_STUB]) map(page, { execute: true });
    // Writable: KVM patches a hypercall instruction of the other vendor.
    map(KERNEL_CODE, { execute: true, write: true });
    map(USER_CODE, { execute: true, write: true, user: true });
    for (const page of [USER_STACK, USER_DATA]) map(page, { write: true, user: true });
    for (let at = 0; at < PAGES; at++) map(PAGE_GPA + at * PAGE_SIZE, { write: true, user: true, execute: true });
    this.root = tables.root;

    const handlers: VectorHandler[] = [];
    for (let vector = 0; vector < VECTORS; vector++) {
      const handler = STUBS + vector * STUB_BYTES;
      this.ram.bytes.set(stub(VECTOR_PORT), handler);
      const entry = { vector, ist: IST_BY_VECTOR.get(vector) ?? 0, dpl: 0, handler };
      handlers.push(entry);
    }
    writeIdt(this.page(IDT), handlers);
    writeDescriptorPage(this.page(DESCRIPTORS), DESCRIPTORS, addresses.kernelStackTop, IST_STACKS.map((stack) => stack + PAGE_SIZE));
    this.ram.bytes.set(stub(ENTRY_PORT), ENTRY_STUB);
  }

  /** Puts code where it starts at `cpl`; returns its address. */
  writeCode(cpl: 0 | 3, code: readonly number[]): number {
    const at = cpl === 0 ? KERNEL_CODE : USER_CODE;
    this.ram.bytes.set(code, at);
    return at;
  }

  /** Lets CPL3 read and write memory beyond the tiny guest's own, one to one and by 2 MiB pages, up to 1 GiB of it; whole 2 MiB, within one GiB. */
  mapRegion(gpa: number, sizeBytes: number): void {
    this.tables.mapLarge(gpa, gpa, sizeBytes, { write: true, user: true, execute: false });
  }

  /** Changes a gate. */
  setGate(vector: number, kind: GateKind): void {
    const at = IDT + vector * 16;
    if (kind === 'absent') this.ram.bytes.fill(0, at, at + 16);
    else this.ram.data.setUint8(at + 5, this.ram.data.getUint8(at + 5) | 0x60);
  }

  /** Address of a vector's handler (SDM vol. 3, figure 6-8). */
  handlerOf(vector: number): number {
    const at = IDT + vector * 16;
    return this.ram.data.getUint16(at, true) + this.ram.data.getUint16(at + 6, true) * 0x10000;
  }

  /** Gives a vector another handler, below 4 GiB. */
  setHandler(vector: number, address: number): void {
    const at = IDT + vector * 16;
    this.ram.data.setUint16(at, address & 0xffff, true);
    this.ram.data.setUint16(at + 6, address >>> 16, true);
  }

  /** Moves the stack on which handlers of code at CPL3 start (RSP0). */
  setHandlerStack(top: number): void {
    this.ram.data.setBigUint64(DESCRIPTORS + TSS_RSP0, BigInt(top), true);
  }

  /**
   * Reads the frame of the handler that runs at `rip`.
   * @param rip - of the vCPU, in a stub
   * @param rsp - of the vCPU
   * @returns undefined where `rip` is in no stub or `rsp` points nowhere sensible
   */
  readTrap(rip: number, rsp: number): Trap | undefined {
    const vector = Math.floor((rip - STUBS) / STUB_BYTES);
    if (vector < 0 || vector >= VECTORS || this.ram.offsetOf(rsp, 48) < 0) return undefined;
    const hasErrorCode = WITH_ERROR_CODE.has(vector);
    const frame = hasErrorCode ? rsp + 8 : rsp;
    const word = (at: number): number => Number(this.ram.data.getBigUint64(at, true));
    const stack = rsp - (rsp % PAGE_SIZE);
    return {
      vector,
      errorCode: hasErrorCode ? this.ram.data.getUint32(rsp, true) : undefined,
      rip: word(frame),
      cpl: word(frame + 8) & 3,
      stack: stack === KERNEL_STACK ? 'kernel' : IST_STACKS.includes(stack) ? 'interrupt' : 'other',
    };
  }

  /** Lets go of the memory. */
  close(): void {
    this.ram.close();
  }

  private page(at: number): DataView {
    return new DataView(this.ram.data.buffer, this.ram.data.byteOffset + at, PAGE_SIZE);
  }
}

/** STAR's selectors for SYSCALL: CS and SS from bits 47:32; SYSRET's, which nobody uses, from 63:48. */
export const STAR_VALUE = BigInt(SELECTOR_KERNEL_CODE) << 32n;
