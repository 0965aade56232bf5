/**
 * Memory of the suite's guest: tables, a stub for each vector, a page of code for each privilege level, and stacks for each vCPU. Everything is mapped one
 * to one. The guest has no kernel of its own: a stub tells the VMM by an OUT, and returns.
 */
import { Frames, PageTables, writeDescriptorPage, writeIdt, type PageAccess, type VectorHandler } from '../../guest/index.js';
import { SystemRam, gpaNumber } from '../../memory/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import { GUEST_CODE, stubOf, type GuestCode } from './code.js';

const IDT = 0x1000;
const STUBS = 0x2000;
const KERNEL_CODE = 0x4000;
const USER_CODE = 0x5000;
const AREAS = 0x6000;
const TABLES = 0x40000;
const RAM_SIZE_BYTES = 0x60000;
const STUB_BYTES = 32;
const VECTORS = 256;
const AREA_BYTES = 64;

/** The first page whose accesses are under test. */
export const WINDOW_GPA = 0x20_0000;
/** Pages under test: more than a vCPU can have async page faults outstanding, and than a word of a bitmap holds. */
export const WINDOW_PAGES = 72;
/** vCPUs that there is memory for. */
export const MOST_VCPUS = 2;

/** Vectors with an interrupt stack of their own: #DF, NMI, #MC. */
const IST_BY_VECTOR: ReadonlyMap<number, number> = new Map([[8, 1], [2, 2], [18, 3]]);
/** Vectors for which the CPU pushes an error code (SDM vol. 3, 6.13). */
export const WITH_ERROR_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17, 21]);

/** Addresses of one vCPU's own pages. */
export interface VcpuPages {
  readonly descriptors: number;
  /** Tops of stacks: of handlers, of code at CPL0, of what the VMM makes the guest's kernel do, of code at CPL3. */
  readonly handlerStackTop: number;
  readonly kernelStackTop: number;
  readonly callStackTop: number;
  readonly userStackTop: number;
  /** gpa of the area that a guest shares with KVM for async page faults. */
  readonly area: number;
}

/** A handler's frame, as the CPU pushed it. */
export interface TrapFrame {
  readonly vector: number;
  /** Undefined for a vector without one. */
  readonly errorCode: number | undefined;
  readonly rip: bigint;
  readonly cpl: 0 | 3;
  readonly rflags: bigint;
  readonly rsp: bigint;
}

/** See the module's comment. */
export class GuestMemory {
  readonly ram: SystemRam;
  /** CR3. */
  readonly root: number;
  /** gpa of the IDT. */
  readonly idt = IDT;
  readonly vcpus: readonly VcpuPages[];

  /** @throws FaultLabError where there is no memory */
  constructor() {
    this.ram = SystemRam.create(gpaNumber(0), RAM_SIZE_BYTES);
    const tables = new PageTables(new Frames(this.ram, TABLES));
    const map = (page: number, sizeBytes: number, access: Partial<PageAccess>): void => {
      tables.mapSmall(page, page, sizeBytes, { write: false, user: false, execute: false, ...access });
    };
    map(IDT, PAGE_SIZE, { write: true });
    map(STUBS, VECTORS * STUB_BYTES, { execute: true });
    map(KERNEL_CODE, PAGE_SIZE, { execute: true });
    map(USER_CODE, PAGE_SIZE, { execute: true, user: true });
    map(AREAS, PAGE_SIZE, { write: true });
    map(WINDOW_GPA, WINDOW_PAGES * PAGE_SIZE, { write: true, user: true, execute: true });
    this.vcpus = Array.from({ length: MOST_VCPUS }, (_, index) => this.layOut(index, map));
    this.root = tables.root;
    const handlers = Array.from({ length: VECTORS }, (_, vector): VectorHandler => {
      const handler = STUBS + vector * STUB_BYTES;
      this.ram.bytes.set(stubOf(vector, WITH_ERROR_CODE.has(vector)), handler);
      return { vector, ist: IST_BY_VECTOR.get(vector) ?? 0, dpl: 0, handler };
    });
    writeIdt(this.page(IDT), handlers);
    for (const { offset, kernel, user } of Object.values(GUEST_CODE)) {
      this.ram.bytes.set(kernel, KERNEL_CODE + offset);
      this.ram.bytes.set(user, USER_CODE + offset);
    }
  }

  /** Where a piece of code starts. */
  addressOf(code: GuestCode, cpl: 0 | 3): number {
    return (cpl === 0 ? KERNEL_CODE : USER_CODE) + GUEST_CODE[code].offset;
  }

  /** True when `rip` is where a piece of code at CPL3 ends: by an exception, as ports are out of its reach. */
  isUserEnd(rip: bigint): boolean {
    const offset = Number(rip) - USER_CODE;
    return Object.values(GUEST_CODE).some((code) => code.offset + code.userEnd === offset);
  }

  /**
   * Reads the frame of the handler that runs at `rip`.
   * @returns undefined where `rip` is in no stub or `rsp` points nowhere sensible
   */
  readFrame(rip: number, rsp: number): TrapFrame | undefined {
    const vector = Math.floor((rip - STUBS) / STUB_BYTES);
    if (vector < 0 || vector >= VECTORS || this.ram.offsetOf(rsp, 48) < 0) return undefined;
    const hasErrorCode = WITH_ERROR_CODE.has(vector);
    const frame = hasErrorCode ? rsp + 8 : rsp;
    const word = (index: number): bigint => this.ram.data.getBigUint64(frame + index * 8, true);
    return {
      vector,
      errorCode: hasErrorCode ? this.ram.data.getUint32(rsp, true) : undefined,
      rip: word(0),
      cpl: (word(1) & 3n) === 3n ? 3 : 0,
      rflags: word(2),
      rsp: word(3),
    };
  }

  /** Lets go of the memory. */
  close(): void {
    this.ram.close();
  }

  private layOut(index: number, map: (page: number, sizeBytes: number, access: Partial<PageAccess>) => void): VcpuPages {
    const base = 0x10000 + index * 0x8000;
    const stack = (number: number): number => base + number * PAGE_SIZE;
    map(base, 7 * PAGE_SIZE, { write: true });
    map(stack(7), PAGE_SIZE, { write: true, user: true });
    const istTops = [3, 4, 5];
    writeDescriptorPage(this.page(base), base, stack(2), istTops.map(stack));
    return {
      descriptors: base,
      handlerStackTop: stack(2),
      kernelStackTop: stack(6),
      callStackTop: stack(7),
      userStackTop: stack(8),
      area: AREAS + index * AREA_BYTES,
    };
  }

  private page(at: number): DataView {
    return new DataView(this.ram.data.buffer, this.ram.data.byteOffset + at, PAGE_SIZE);
  }
}
