/** How large the small KVM is that a model plays. */
import { PAGE_SHIFT, PAGE_SIZE } from '../memory-region.js';
import { ASYNC_PF_PER_VCPU } from '../apf.js';

/** What a model is made for: vCPUs, and one memslot whose pages can be intercepted. */
export interface ModelShape {
  readonly vcpus: number;
  /** Pages of the slot; a model knows a page by its index in it. */
  readonly pages: number;
  /** gpa of the slot's first page, in bytes. */
  readonly baseGpa: number;
  /** Most async page faults outstanding on a vCPU; 64 where left out. Smaller ones make exhaustive exploration possible. */
  readonly itemsPerVcpu?: number;
  /** Entries of a notification or completion ring, a power of two; 64 where left out. */
  readonly ringEntries?: number;
  /** KVM_CAP_X86_DISABLE_EXITS for HLT: KVM never halts a vCPU on its own account. False where left out. */
  readonly hltInGuest?: boolean;
}

/** A {@link ModelShape} with nothing left out. */
export type FullModelShape = Required<ModelShape>;

/**
 * Fills in what is left out.
 * @throws RangeError for a shape that no KVM has
 */
export function fullShape(shape: ModelShape): FullModelShape {
  const { vcpus, pages, baseGpa, itemsPerVcpu = ASYNC_PF_PER_VCPU, ringEntries = ASYNC_PF_PER_VCPU, hltInGuest = false } = shape;
  const whole = (value: number, least: number, most: number): boolean => Number.isInteger(value) && value >= least && value <= most;
  if (!whole(vcpus, 1, 4096) || !whole(pages, 1, 2 ** 30) || !whole(itemsPerVcpu, 1, 1024)) throw new RangeError(`no model has the shape ${JSON.stringify(shape)}`);
  if (!whole(ringEntries, 1, 64) || (ringEntries & (ringEntries - 1)) !== 0) throw new RangeError(`a ring cannot have ${ringEntries} entries`);
  if (!Number.isSafeInteger(baseGpa) || baseGpa < 0 || baseGpa % PAGE_SIZE !== 0) throw new RangeError(`gpa ${baseGpa} is not page aligned`);
  return { vcpus, pages, baseGpa, itemsPerVcpu, ringEntries, hltInGuest };
}

/** True for a gpa that is the first byte of a page. */
export function isPageAligned(gpa: number): boolean {
  return gpa % PAGE_SIZE === 0;
}

/** Index of the page that holds `gpa`, or -1 outside the slot. */
export function pageOf(shape: FullModelShape, gpa: number): number {
  const page = Math.floor((gpa - shape.baseGpa) / PAGE_SIZE);
  return page >= 0 && page < shape.pages ? page : -1;
}

/** gpa of a page's first byte. */
export function gpaOf(shape: FullModelShape, page: number): number {
  return shape.baseGpa + page * 2 ** PAGE_SHIFT;
}
