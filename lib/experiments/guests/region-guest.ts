/** Makes the probes' tiny guest one that writes to a region of many pages, one after the other or here and there; and what KVM did for it. */
import { FaultLabError } from '../../errors/index.js';
import type { Kvm, MemorySlot, Vm } from '../../kvm/index.js';
import { nativeAddon, type NativeMapping } from '../../native/index.js';
import { TinyGuest, addresses, type TinyGuestOptions } from '../../probes/index.js';
import { MADV_DONTNEED, MADV_HUGEPAGE, MADV_POPULATE_WRITE, PAGE_SIZE, PROT_READ, PROT_WRITE, gpa, type RegName } from '../../uapi/index.js';
import { retire } from './backings.js';

/** Where the region is, physically and virtually: 1 GiB. */
export const REGION_GPA = 2 ** 30;
/** Bytes of a huge page. */
export const HUGE_BYTES = 2 ** 21;
/** The first slot that the region may have. */
export const REGION_SLOT = 8;
/**
 * Writes to places all over the region, a random page and a line of it each (the generator of Numerical Recipes, 7.1), for which a translation is rarely at hand:
 * imul edx,1664525; add edx,1013904223; mov eax,edx; shr eax,8; and eax,esi; shl rax,12; mov edi,edx; and edi,0xfc0; add rax,rdi; mov [rbx+rax],cl; dec rcx; jnz.
 */
const SCATTER = [
  0x69, 0xd2, 0x0d, 0x66, 0x19, 0x00, 0x81, 0xc2, 0x5f, 0xf3, 0x6e, 0x3c, 0x89, 0xd0, 0xc1, 0xe8, 0x08, 0x21, 0xf0, 0x48, 0xc1, 0xe0, 0x0c,
  0x89, 0xd7, 0x81, 0xe7, 0xc0, 0x0f, 0x00, 0x00, 0x48, 0x01, 0xf8, 0x88, 0x0c, 0x03, 0x48, 0xff, 0xc9, 0x75, 0xd6,
];
/** mov [rbx],al; add rbx,4096; dec rcx; jnz. */
const TOUCH = [0x88, 0x03, 0x48, 0x81, 0xc3, 0x00, 0x10, 0x00, 0x00, 0x48, 0xff, 0xc9, 0x75, 0xf2];
const CODE = [...SCATTER, 0xeb, TOUCH.length, ...TOUCH];
const TOUCH_AT = addresses.userCode + CODE.length - TOUCH.length;
const SCATTERED = 65_536;
const SLICE_NS = 20e9;
/** A pass takes this long at the most, as `patience` has it. */
const LIMIT_MS = 60_000;

/** What the guest wrote in one go. */
export interface Pass {
  /** Pages, or places. */
  readonly pages: number;
  readonly ns: number;
  /** Page faults that KVM handled meanwhile; null where it does not count them. */
  readonly faults: number | null;
}

/** What a guest takes that is to have a region. */
export const REGION_GUEST: Pick<TinyGuestOptions, 'cpl' | 'code' | 'sliceNs' | 'limitMs'> = { cpl: 3, code: CODE, sliceNs: SLICE_NS, limitMs: LIMIT_MS };

/** Memory of the host behind a region. */
export interface RegionMemory {
  readonly mapping: NativeMapping;
  /** Start within `mapping`, bytes. */
  readonly offset: number;
  /** A multiple of 2 MiB, at most 1 GiB. */
  readonly sizeBytes: number;
}

/** Hands `body` a region of `sizeBytes`, a power of two from 2 MiB up, with huge pages behind it, all there, and no slot yet. */
export async function withHugeRegion<T>(kvm: Kvm, sizeBytes: number, body: (region: Region) => T): Promise<T> {
  // A part of it begins where a huge page may.
  const mapping = nativeAddon().Mapping.anonymous(sizeBytes + HUGE_BYTES, PROT_READ | PROT_WRITE);
  try {
    const offset = Number(-mapping.hva & BigInt(HUGE_BYTES - 1));
    mapping.advise(offset, sizeBytes, MADV_HUGEPAGE);
    mapping.advise(offset, sizeBytes, MADV_POPULATE_WRITE);
    return await TinyGuest.with(kvm, REGION_GUEST, (guest) => body(new Region(guest, { mapping, offset, sizeBytes })));
  } finally {
    mapping.advise(0, mapping.sizeBytes, MADV_DONTNEED);
    retire(mapping);
  }
}

/** A region of a guest that was made from {@link REGION_GUEST}. */
export class Region {
  readonly sizeBytes: number;
  private readonly mapping: NativeMapping;
  private readonly offset: number;

  constructor(
    readonly guest: TinyGuest,
    { mapping, offset, sizeBytes }: RegionMemory,
  ) {
    [this.mapping, this.offset, this.sizeBytes] = [mapping, offset, sizeBytes];
    guest.memory.mapRegion(REGION_GPA, sizeBytes);
  }

  get pages(): number {
    return this.sizeBytes / PAGE_SIZE;
  }

  get vm(): Vm {
    return this.guest.vm;
  }

  /** What a slot of all of it takes, or of a part. */
  slotOptions(slot = REGION_SLOT, firstPage = 0, pages = this.pages): { slot: number; gpa: ReturnType<typeof gpa>; sizeBytes: number; mapping: NativeMapping; offset: number } {
    const at = firstPage * PAGE_SIZE;
    return { slot, gpa: gpa(REGION_GPA + at), sizeBytes: pages * PAGE_SIZE, mapping: this.mapping, offset: this.offset + at };
  }

  /** Makes a slot of all of it, or of a part. */
  slot(...part: Parameters<Region['slotOptions']>): MemorySlot {
    return this.vm.createMemorySlot(this.slotOptions(...part));
  }

  /**
   * The guest writes a byte of each page.
   * @throws FaultLabError `EXPERIMENT_GUEST` where it did not come to its end
   */
  pass(firstPage = 0, pages = this.pages): Pass {
    return this.run(pages, { rip: TOUCH_AT, rbx: REGION_GPA + firstPage * PAGE_SIZE, rcx: pages });
  }

  /** The guest writes to places all over the region, 65,536 of them. Throws as {@link pass}. */
  scatter(): Pass {
    return this.run(SCATTERED, { rbx: REGION_GPA, rcx: SCATTERED, rdx: 1, rsi: this.pages - 1 });
  }

  /** Puts the guest in front of a pass over pages: for those who look at every exit of it. */
  prepare(firstPage = 0, pages = this.pages): void {
    this.set({ rip: TOUCH_AT, rbx: REGION_GPA + firstPage * PAGE_SIZE, rcx: pages });
  }

  private set(registers: Partial<Record<RegName, number>>): void {
    const { guest } = this;
    guest.restart();
    const regs = guest.vcpu.getRegs();
    for (const [name, value] of Object.entries(registers) as [RegName, number][]) regs.setNumber(name, value);
    guest.vcpu.setRegs(regs);
  }

  private run(pages: number, registers: Partial<Record<RegName, number>>): Pass {
    const { guest } = this;
    this.set(registers);
    const before = guest.statistic('pf_taken');
    const startNs = nativeAddon().monotonicNs();
    const end = guest.run();
    const ns = nativeAddon().monotonicNs() - startNs;
    if (end.kind !== 'end') throw new FaultLabError('EXPERIMENT_GUEST', `the guest that touches ${pages} pages ended with ${JSON.stringify(end, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}`);
    const after = guest.statistic('pf_taken');
    return { pages, ns, faults: before === undefined || after === undefined ? null : after - before };
  }
}
