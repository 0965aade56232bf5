/** Where a vCPU's time goes while pages are on their way: every stretch between two moments that are known belongs to one part, so the parts add up by themselves. */
import { NOTES_KEPT, type GuestNotes, type GuestVcpuReport, type PhaseReport } from '../../guest/index.js';
import { KVM_COUNTS, MODES, type DeliveryMode, type KvmCount, type MachineResult, type ThreadTime } from '../../machine/index.js';
import { placeOnHostClock } from './guest-side.js';
import { hostFaults } from './host-side.js';
import { Mark, vcpuMarks, type VcpuMarks } from './vcpu-marks.js';

/**
 * Parts of a vCPU's time:
 * - `work`: the work done, at what a unit of it takes while there are no faults
 * - `slowed`: what the same work took beyond that: caches and TLBs that others have used meanwhile
 * - `pages`: fault tasks go through pages that have come
 * - `handlers`: the guest's own handlers, entry to return
 * - `return`: from a handler's last instruction to the task's next one
 * - `map`: the same with an access whose page has come: KVM maps it
 * - `fault`: from an access to the return of KVM_RUN, or to the guest's handler where KVM itself tells the guest
 * - `vmm`: outside KVM_RUN
 * - `inject`: from KVM_RUN's call to the handler of the not-present event that the VMM put in place
 * - `deliver`: from a task's last instruction to the handler of the interrupt that came then
 * - `wait`: for a page: asleep, or halted until the page or an interrupt comes
 * - `cpu`: runnable, while another thread had the CPU
 * - `away`: no task of the guest ran, and nothing happened that the guest or the VMM knows of: interrupts of the host, exits that KVM handles by itself
 */
export const VCPU_PARTS = ['work', 'slowed', 'pages', 'handlers', 'return', 'map', 'fault', 'vmm', 'inject', 'deliver', 'wait', 'cpu', 'away'] as const;
/** One of {@link VCPU_PARTS}. */
export type VcpuPart = (typeof VCPU_PARTS)[number];

/** The account of a run's paging phase, all vCPUs together. `parts` and `unexplainedNs` add up to `wallNs`. */
export interface VcpuAccount {
  /** Time of all vCPUs. */
  readonly wallNs: number;
  readonly parts: Readonly<Record<VcpuPart, number>>;
  readonly unexplainedNs: number;
  /** Parts that could not be measured, and why; they are 0 then, and their time is in others. */
  readonly missing: readonly { readonly part: VcpuPart; readonly why: string }[];
  /** What the scheduler says of the vCPUs' threads in that time; null where it does not. */
  readonly threads: { readonly onCpuNs: number; readonly runDelayNs: number; readonly asleepNs: number } | null;
  /** What KVM counted meanwhile, all vCPUs together; without what this kernel does not count. */
  readonly kvm: Readonly<Partial<Record<KvmCount, number>>>;
  /** Pages that were visited in that time. */
  readonly pages: number;
  /** Work done, as a share of what the same time without faults would have given. */
  readonly keptShare: number;
}

/** What an account is made of. */
export type VcpuAccountable = Pick<MachineResult, 'stamps' | 'trace' | 'latencyCycles' | 'guest' | 'tscKhz'>;

type Cycles = Record<VcpuPart, number>;
const none = (): Cycles => ({ work: 0, slowed: 0, pages: 0, handlers: 0, return: 0, map: 0, fault: 0, vmm: 0, inject: 0, deliver: 0, wait: 0, cpu: 0, away: 0 });

/** Stretches that begin in a handler, by its kind, and time of the VMM within. */
interface InHandler {
  spent: number;
  vmm: number;
  entries: number;
}

interface Divided {
  /** `work` is yet all time of work tasks; nothing of handlers is in it. */
  readonly parts: Cycles;
  readonly inNotPresent: InHandler;
  readonly inReady: InHandler;
  readonly inTick: InHandler;
}

const NO_SCHEDSTAT = 'the kernel does not count it: /proc/thread-self/schedstat is missing or empty (CONFIG_SCHED_INFO)';

/** Makes the account of a run with stamps, a trace, work tasks and control phases; null where one of them is not there, or moments are missing. */
export function vcpuAccountOf(mode: DeliveryMode, result: VcpuAccountable): VcpuAccount | null {
  const { stamps, trace, guest, tscKhz, latencyCycles } = result;
  if (stamps === null || trace === null || trace.tasks.some(({ lost }) => lost > 0)) return null;
  const sleeps = MODES[mode].catches === 'sleep';
  const toNs = 1e6 / tscKhz;
  const total = none();
  let [wall, units, cost] = [0, 0, 0];
  const faults = [...hostFaults(stamps.vcpus, stamps.resolvers, sleeps).values()].filter(({ page, learned, mapBegin }) => latencyCycles[page] > 0n && learned > 0 && mapBegin > 0);
  for (const [vcpu, report] of guest.entries()) {
    const notes = stamps.notes[vcpu];
    const control = [report.controlBefore, report.controlAfter];
    const [beforeStart, pagingStart, afterStart] = stamps.phaseStarts[vcpu];
    const controlWork = control.reduce((sum, { work }) => sum + work, 0);
    if (notes === null || isOverfull(notes) || controlWork === 0 || report.paging.tscCycles === 0 || stamps.vcpus[vcpu].missed > 0) return null;
    const own = faults.filter((fault) => fault.vcpu === vcpu || (fault.vcpu < 0 && guest.length === 1));
    const offset = stamps.tscOffsets[vcpu] ?? null;
    if (offset === null && own.length === 0) return null;
    const { shiftCycles } = placeOnHostClock(own, stamps.startCycles, latencyCycles, offset);
    const marks = vcpuMarks(trace.tasks.filter((lane) => lane.vcpu === vcpu), notes, stamps.vcpus[vcpu], shiftCycles);
    const workIn = (start: number, { tscCycles }: PhaseReport): number => divide(marks, start, start + tscCycles, sleeps).parts.work;
    const inControl = workIn(beforeStart, report.controlBefore) + workIn(afterStart, report.controlAfter);
    const parts = partsOf(divide(marks, pagingStart, pagingStart + report.paging.tscCycles, sleeps), report, inControl / controlWork);
    for (const part of VCPU_PARTS) total[part] += parts[part];
    wall += report.paging.tscCycles;
    units += report.paging.work;
    cost += control.reduce((sum, { tscCycles }) => sum + tscCycles, 0) / controlWork;
  }
  const threads = scheduled(stamps.threads);
  if (threads !== null) {
    total.cpu = Math.min(total.away, threads.runDelayNs / toNs);
    total.away -= total.cpu;
  }
  const explained = VCPU_PARTS.reduce((sum, part) => sum + total[part], 0);
  return {
    wallNs: wall * toNs,
    parts: Object.fromEntries(VCPU_PARTS.map((part) => [part, total[part] * toNs])) as Record<VcpuPart, number>,
    unexplainedNs: Math.max(0, wall - explained) * toNs,
    missing: threads === null ? [{ part: 'cpu', why: NO_SCHEDSTAT }] : [],
    threads,
    kvm: countedByKvm(stamps.threads),
    pages: guest.reduce((sum, { pages }) => sum + pages, 0),
    keptShare: (units * (cost / guest.length)) / wall,
  };
}

/** Events older than the last may be gone. */
function isOverfull({ notPresent, ready, tick }: GuestNotes): boolean {
  return [notPresent, ready, tick].some(({ length }) => length === NOTES_KEPT);
}

/** Splits what {@link divide} leaves together: work into its cost and what it was slowed by, handlers from the way out of them. */
function partsOf({ parts, inNotPresent, inReady, inTick }: Divided, { paging, cyclesNotPresent, cyclesReady, cyclesTick, ticks }: GuestVcpuReport, costOfUnit: number): Cycles {
  const atCost = Math.min(parts.work, paging.work * costOfUnit);
  parts.slowed = parts.work - atCost;
  parts.work = atCost;
  const inside = inNotPresent.spent + inReady.spent + inTick.spent;
  // Events come in this phase alone, ticks in all.
  const cycles = cyclesNotPresent + cyclesReady + (ticks === 0 ? 0 : (cyclesTick / ticks) * inTick.entries);
  parts.handlers = Math.max(0, Math.min(inside, cycles - inNotPresent.vmm - inReady.vmm - inTick.vmm));
  // Out of a not-present handler leads the same way as out of that of a ready interrupt, but to no page that has to be mapped.
  const plain = inNotPresent.entries === 0 ? 0 : Math.max(0, inNotPresent.spent + inNotPresent.vmm - cyclesNotPresent) / inNotPresent.entries;
  const afterReady = Math.max(0, inReady.spent + inReady.vmm - cyclesReady);
  const mapped = inNotPresent.entries === 0 ? 0 : Math.min(inside - parts.handlers, Math.max(0, afterReady - plain * inReady.entries));
  parts.map += mapped;
  parts.return = inside - parts.handlers - mapped;
  return parts;
}

/** Gives every stretch between `from` and `to` to a part. */
function divide({ at, kind }: VcpuMarks, from: number, to: number, sleeps: boolean): Divided {
  const parts = none();
  const handlers = Array.from({ length: 3 }, (): InHandler => ({ spent: 0, vmm: 0, entries: 0 }));
  let handler: InHandler | null = null;
  let previous = -1;
  for (let index = 0; index < at.length; index++) {
    const moment = at[index];
    if (moment < from) continue;
    if (moment > to) break;
    const what = kind[index];
    if (previous >= 0) {
      const spent = moment - at[previous];
      const before = kind[previous];
      const part = outside(before, what);
      if (part !== null) {
        parts[part] += spent;
        if (handler !== null) handler.vmm += spent;
      } else if (handler !== null) {
        handler.spent += spent;
      } else {
        parts[inside(before, what, sleeps)] += spent;
      }
    }
    if (what >= Mark.NOT_PRESENT && what <= Mark.TICK) {
      handler = handlers[what - Mark.NOT_PRESENT];
      handler.entries++;
    } else if (what < Mark.NOT_PRESENT) {
      handler = null;
    }
    previous = index;
  }
  const [inNotPresent, inReady, inTick] = handlers;
  return { parts, inNotPresent, inReady, inTick };
}

/** The part of a stretch outside KVM_RUN; null inside. */
function outside(before: number, what: number): VcpuPart | null {
  if (what === Mark.AWAKE) return 'wait';
  return before >= Mark.FAULT_EXIT && before < Mark.ENTER ? 'vmm' : null;
}

/** The part of a stretch inside KVM_RUN and in no handler. */
function inside(before: number, what: number, sleeps: boolean): VcpuPart {
  const isInterrupt = what === Mark.READY || what === Mark.TICK;
  switch (before) {
    case Mark.WORK:
      return 'work';
    case Mark.ACCESS:
      // Where KVM waits for the page by itself, interrupts and the end of a slice may come meanwhile.
      if (sleeps) return what === Mark.NOT_PRESENT ? 'fault' : 'wait';
      if (isInterrupt) return 'deliver';
      return what === Mark.ACCESS_END ? 'map' : 'fault';
    case Mark.ACCESS_END:
    case Mark.SUMMED:
      return isInterrupt ? 'deliver' : 'pages';
    case Mark.ENTER:
      if (what === Mark.NOT_PRESENT) return 'inject';
      if (what === Mark.FAULT_EXIT) return 'fault';
      if (what === Mark.ACCESS_END) return sleeps ? 'wait' : 'map';
      return isInterrupt ? 'deliver' : 'away';
    default:
      return isInterrupt ? 'deliver' : 'away';
  }
}

/** The moments around the paging phase, which is the second of three, or the only one; null where one is missing. */
function around(moments: readonly ThreadTime[]): readonly [ThreadTime, ThreadTime] | null {
  const first = moments.length > 2 ? 2 : 0;
  return moments.length < first + 2 ? null : [moments[first], moments[first + 1]];
}

function countedByKvm(vcpus: readonly (readonly ThreadTime[])[]): VcpuAccount['kvm'] {
  const counts: Partial<Record<KvmCount, number>> = {};
  for (const moments of vcpus) {
    const paging = around(moments);
    if (paging === null) continue;
    for (const name of KVM_COUNTS) {
      const [before, after] = paging.map(({ kvm }) => kvm[name]);
      if (before !== undefined && after !== undefined) counts[name] = (counts[name] ?? 0) + after - before;
    }
  }
  return counts;
}

function scheduled(vcpus: readonly (readonly ThreadTime[])[]): VcpuAccount['threads'] {
  let [onCpuNs, runDelayNs, asleepNs] = [0, 0, 0];
  for (const moments of vcpus) {
    const paging = around(moments);
    if (paging === null) return null;
    const [begin, end] = paging;
    if (begin.onCpuNs === null || end.onCpuNs === null || begin.runDelayNs === null || end.runDelayNs === null) return null;
    const onCpu = end.onCpuNs - begin.onCpuNs;
    const delayed = end.runDelayNs - begin.runDelayNs;
    onCpuNs += onCpu;
    runDelayNs += delayed;
    asleepNs += Math.max(0, end.monotonicNs - begin.monotonicNs - onCpu - delayed);
  }
  return vcpus.length === 0 ? null : { onCpuNs, runDelayNs, asleepNs };
}
