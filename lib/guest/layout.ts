/**
 * Where everything lies in the tiny guest's physical memory. The fixed addresses come from the guest's own header (abi.ts); this module
 * places what depends on the number of vCPUs and pages.
 */
import { PAGE_SIZE } from '../uapi/index.js';
import { pageAlign } from '../memory/index.js';
import * as abi from './abi.js';
import type { ElfImage, ElfSegment } from './elf.js';
import { LARGE_PAGE_BYTES } from './page-tables.js';

/** Most pages of a window: 256 GiB, half of what one top-level page-table entry covers. */
export const MAX_WINDOW_PAGES = 2 ** 26;
/** Most entries of the order table: with the largest window, all tables still end below it. */
export const MAX_ORDER_ENTRIES = 2 ** 28;

/** PML4, PDPT, the page directory of the first GiB, and page tables for its first two large pages (image; mailbox and vcpu_blocks). */
const FRAMES_PER_VCPU = 5;

/** Addresses in bytes; gpa and gva are the same number except in private segments. */
export interface GuestLayout {
  readonly vcpuCount: number;
  /** Pages of the demand-paged window. */
  readonly windowPages: number;
  /** Ordinary RAM at gpa 0: text, mailbox, private segments, page tables. */
  readonly lowRamSizeBytes: number;
  /** Ordinary RAM at TABLES_BASE: order, sums, latencies, expected sums, starts. */
  readonly tablesSizeBytes: number;
  /** gpa of a vCPU's copy of the private segments' range. */
  readonly privateBase: (vcpu: number) => number;
  /** gva range of the private segments. */
  readonly privateStart: number;
  readonly privateSizeBytes: number;
  /** gpa of the first frame free for page tables. */
  readonly framesBase: number;
  readonly order: number;
  /** Entries that the order table has room for. */
  readonly orderEntries: number;
  readonly sums: number;
  readonly latencies: number;
  readonly starts: number;
  readonly expected: number;
  /** gva of the trace area; 0 where nothing is recorded. */
  readonly trace: number;
  /** Its lanes, and the spans of each. */
  readonly traceSize: TraceSize;
  /** gva of the logs of handlers, NOTE_COUNT for each vCPU in order; 0 where none are kept. */
  readonly notes: number;
}

/** How much a guest may record of when its tasks ran. */
export interface TraceSize {
  /** One a task. */
  readonly lanes: number;
  /** Of each lane. */
  readonly spans: number;
}

/** Nothing is recorded. */
export const NO_TRACE: TraceSize = { lanes: 0, spans: 0 };

/** Bytes of the trace area of that size; 0 for none. */
export function traceSizeBytes({ lanes, spans }: TraceSize): number {
  return lanes === 0 ? 0 : abi.traceAreaLayout.size + lanes * (abi.traceLaneLayout.size + spans * abi.traceSpanLayout.size);
}

/** True for a segment of which every vCPU has its own copy. */
export function isPrivate(segment: ElfSegment): boolean {
  return (segment.flags & abi.PF_PRIVATE) !== 0;
}

/**
 * Lays out guest memory.
 * @param elf - the guest
 * @param vcpuCount - 1 to MAX_VCPUS
 * @param windowPages - 1 to {@link MAX_WINDOW_PAGES}
 * @param orderEntries - length of the order table, up to {@link MAX_ORDER_ENTRIES}; a page may be visited more than once
 * @param traceSize - what the guest may record of its tasks
 * @param notes - whether its handlers note when they are entered
 * @throws RangeError when a count is out of range
 */
export function layOutGuest(elf: ElfImage, vcpuCount: number, windowPages: number, orderEntries = windowPages, traceSize = NO_TRACE, notes = false): GuestLayout {
  if (!Number.isInteger(vcpuCount) || vcpuCount < 1 || vcpuCount > abi.MAX_VCPUS) {
    throw new RangeError(`the guest runs on 1 to ${abi.MAX_VCPUS} vCPUs, not ${vcpuCount}`);
  }
  if (!Number.isInteger(windowPages) || windowPages < 1 || windowPages > MAX_WINDOW_PAGES) {
    throw new RangeError(`a window has 1 to ${MAX_WINDOW_PAGES} pages, not ${windowPages}`);
  }
  if (!Number.isInteger(orderEntries) || orderEntries < 0 || orderEntries > MAX_ORDER_ENTRIES) {
    throw new RangeError(`pages are visited up to ${MAX_ORDER_ENTRIES} times, not ${orderEntries}`);
  }
  const own = elf.segments.filter(isPrivate);
  const privateStart = Math.min(...own.map((segment) => segment.address - (segment.address % PAGE_SIZE)), abi.IMAGE_LIMIT);
  const privateEnd = pageAlign(Math.max(...own.map((segment) => segment.address + segment.memorySizeBytes), privateStart));
  const privateSizeBytes = privateEnd - privateStart;
  const copies = abi.VCPU_BLOCK_BASE + abi.MAX_VCPUS * PAGE_SIZE;
  const framesBase = copies + vcpuCount * privateSizeBytes;

  const tableBytes = [4 * orderEntries, 8 * windowPages, 8 * windowPages, 8 * windowPages, 8 * windowPages, traceSizeBytes(traceSize)].map(pageAlign);
  const [order, sums, latencies, expected, starts, trace] = tableBytes.map((_, i) => abi.TABLES_BASE + tableBytes.slice(0, i).reduce((a, b) => a + b, 0));
  const recorded = abi.TABLES_BASE + tableBytes.reduce((a, b) => a + b, 0);
  const notesBase = roundUp(recorded, abi.NOTE_LOG_BYTES);
  const tablesEnd = notes ? notesBase + vcpuCount * abi.NOTE_COUNT * abi.NOTE_LOG_BYTES : recorded;
  const tablesSizeBytes = roundUp(tablesEnd - abi.TABLES_BASE, LARGE_PAGE_BYTES);

  // One page directory for each GiB of tables and window, which all vCPUs share.
  const gigabytes = Math.ceil((windowPages * PAGE_SIZE) / 2 ** 30) + Math.ceil(tablesSizeBytes / 2 ** 30);
  const frames = vcpuCount * FRAMES_PER_VCPU + gigabytes;
  return {
    vcpuCount,
    windowPages,
    lowRamSizeBytes: roundUp(framesBase + frames * PAGE_SIZE, LARGE_PAGE_BYTES),
    tablesSizeBytes,
    privateBase: (vcpu) => copies + vcpu * privateSizeBytes,
    privateStart,
    privateSizeBytes,
    framesBase,
    order,
    orderEntries,
    sums,
    latencies,
    expected,
    starts,
    trace: traceSize.lanes === 0 ? 0 : trace,
    traceSize,
    notes: notes ? notesBase : 0,
  };
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
