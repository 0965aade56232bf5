/**
 * The mailbox: what the VMM tells the guest before it starts and what the guest leaves behind. Everything read here was written by a guest
 * that may do anything, so values are data and never indexes.
 */
import type { SystemRam } from '../memory/index.js';
import { PAGE_SIZE, StructView } from '../uapi/index.js';
import * as abi from './abi.js';
import type { GuestLayout } from './layout.js';
import { readNotes, writeNotePointers, type GuestNotes } from './notes.js';
import { readTrace, type GuestTraceLane } from './trace-lanes.js';
import { readTraps, trapCode, type TrapChoice, type TrapReport } from './trap.js';

/** What the guest is to do. */
export interface GuestJob {
  /** Fault tasks on each vCPU, 1 to MAX_TASKS. */
  readonly faultTasks: number;
  /** Work tasks on each vCPU, 0 and up; both together at most MAX_TASKS. */
  readonly workTasks: number;
  /** By which instruction tasks are to trap. */
  readonly trap: TrapChoice;
  /** Length of a scheduler tick, ns. */
  readonly tickNs: number;
  /** Length of each control phase in ticks; 0 for none. */
  readonly controlTicks: number;
  /** Pages of the window in visiting order; each below `layout.windowPages`. */
  readonly order: Uint32Array;
  /** Checksums by page (two lanes a page) for the guest to compare with, or null. */
  readonly expected: Int32Array | null;
  /** A work task that did not run for longer than this has been away; TSC cycles. Where something is recorded. */
  readonly traceGapCycles?: number;
  /** The TSC at the first access of each page is to be kept. Default false. */
  readonly starts?: boolean;
  /** The doorbell is to be rung when a phase is about to begin and when it has ended. Default false. */
  readonly phaseBells?: boolean;
}

type PhaseField = keyof typeof abi.phaseRecordLayout.fields;

/** KVM's local APIC timer counts nanoseconds, before the divider. */
const APIC_TIMER_DIVIDER = 16;

/** What a vCPU is at, by vcpu_block.state (STATE_* in abi.h, in their order). */
export type GuestPhase = 'booting' | 'control-before' | 'paging' | 'control-after' | 'done' | 'panic';
const PHASES: readonly GuestPhase[] = ['booting', 'control-before', 'paging', 'control-after', 'done', 'panic'];

/** One phase of one vCPU: TSC at both ends, work done, cycles in the guest kernel. */
export interface PhaseReport {
  readonly tscCycles: number;
  readonly work: number;
  readonly kernelCycles: number;
}

/** Everything one vCPU's guest kernel counted. Cycles are TSC cycles. */
export interface GuestVcpuReport {
  readonly phase: GuestPhase;
  readonly apfEnabled: boolean;
  readonly notPresent: number;
  readonly ready: number;
  readonly wakeAll: number;
  readonly earlyReady: number;
  readonly spuriousReady: number;
  readonly ticks: number;
  readonly switches: number;
  readonly idle: number;
  readonly pages: number;
  readonly mismatches: number;
  readonly cyclesNotPresent: number;
  readonly cyclesReady: number;
  readonly cyclesTick: number;
  readonly cyclesTrap: number;
  readonly trap: TrapReport;
  readonly controlBefore: PhaseReport;
  readonly paging: PhaseReport;
  readonly controlAfter: PhaseReport;
}

/** See the module's comment. */
export class Mailbox {
  private readonly header: StructView<keyof typeof abi.mailboxLayout.fields>;
  private readonly cursorWord: number;
  private readonly flagsWord: number;

  constructor(
    private readonly low: SystemRam,
    private readonly tables: SystemRam,
    private readonly layout: GuestLayout,
  ) {
    this.header = new StructView(abi.mailboxLayout, low.data, abi.MAILBOX_BASE);
    this.cursorWord = (abi.MAILBOX_BASE + abi.mailboxLayout.fields.cursor.offset) / 4;
    this.flagsWord = (abi.MAILBOX_BASE + abi.mailboxLayout.fields.flags.offset) / 4;
  }

  /**
   * Writes the job; before the guest starts.
   * @throws RangeError when `order` or `expected` does not fit into its table, or an entry of `order` lies outside the window
   */
  writeJob(job: GuestJob): void {
    const { order, expected } = job;
    const { windowPages, orderEntries } = this.layout;
    if (order.length > orderEntries) throw new RangeError(`an order of ${order.length} pages is longer than its table for ${orderEntries}`);
    if (expected !== null && expected.length !== 2 * windowPages) {
      throw new RangeError(`${expected.length} checksum lanes are not two for each of ${windowPages} pages`);
    }
    for (const page of order) {
      if (page >= windowPages) throw new RangeError(`page ${page} is outside the window of ${windowPages} pages`);
    }
    this.header.setNumber('magic', abi.ABI_MAGIC);
    this.header.setNumber('abi_version', abi.ABI_VERSION);
    this.header.setNumber('vcpu_count', this.layout.vcpuCount);
    this.header.setNumber('fault_tasks', job.faultTasks);
    this.header.setNumber('work_tasks', job.workTasks);
    this.header.setNumber('trap_by', trapCode(job.trap));
    this.header.setNumber('timer_count', Math.max(1, Math.round(job.tickNs / APIC_TIMER_DIVIDER)));
    this.header.setNumber('control_ticks', job.controlTicks);
    this.header.setNumber('page_count', order.length);
    this.header.setNumber('window', abi.WINDOW_BASE);
    this.header.setNumber('order', this.layout.order);
    this.header.setNumber('sums', this.layout.sums);
    this.header.setNumber('latencies', this.layout.latencies);
    this.header.setNumber('expected', expected === null ? 0 : this.layout.expected);
    this.header.setNumber('trace', this.layout.trace);
    if (this.layout.trace !== 0) {
      const area = new StructView(abi.traceAreaLayout, this.tables.data, this.layout.trace - this.tables.base);
      area.setNumber('lanes', this.layout.traceSize.lanes);
      area.setNumber('spans', this.layout.traceSize.spans);
      area.setNumber('gap_cycles', job.traceGapCycles ?? 0);
    }
    if (job.phaseBells === true) this.header.setNumber('flags', abi.MAILBOX_PHASE_BELLS);
    if (this.layout.notes !== 0) writeNotePointers(this.low.data, this.layout.notes, this.layout.vcpuCount);
    this.header.setNumber('starts', job.starts === true ? this.layout.starts : 0);
    new Uint32Array(this.tables.data.buffer, this.layout.order - this.tables.base, order.length).set(order);
    if (expected !== null) this.lanes(this.layout.expected).set(expected);
  }

  /** Asks the guest to end at its next tick. */
  requestStop(): void {
    Atomics.or(this.low.words, this.flagsWord, abi.MAILBOX_STOP);
  }

  /** Entries of the order table handed out so far. May exceed the table's length at the end, as every task looks once more. */
  get cursor(): number {
    return Atomics.load(this.low.words, this.cursorWord) >>> 0;
  }

  /** What the guest kernel of one vCPU says now: a snapshot. */
  vcpu(index: number): GuestVcpuReport {
    const block = abi.VCPU_BLOCK_BASE + index * PAGE_SIZE;
    const view = new StructView(abi.vcpuBlockLayout, this.low.data, block);
    return {
      phase: PHASES[view.number('state')] ?? 'panic',
      apfEnabled: view.number('apf_enabled') !== 0,
      notPresent: view.number('not_present'),
      ready: view.number('ready'),
      wakeAll: view.number('wake_all'),
      earlyReady: view.number('early_ready'),
      spuriousReady: view.number('spurious_ready'),
      ticks: view.number('ticks'),
      switches: view.number('switches'),
      idle: view.number('idle'),
      pages: view.number('pages'),
      mismatches: view.number('mismatches'),
      cyclesNotPresent: view.number('cycles_not_present'),
      cyclesReady: view.number('cycles_ready'),
      cyclesTick: view.number('cycles_tick'),
      cyclesTrap: view.number('cycles_trap'),
      trap: readTraps(this.low.data, block),
      controlBefore: this.phase(index, abi.PHASE_CONTROL_BEFORE),
      paging: this.phase(index, abi.PHASE_PAGING),
      controlAfter: this.phase(index, abi.PHASE_CONTROL_AFTER),
    };
  }

  /** Checksum lanes by page, as the guest wrote them: two 32-bit words a page. A live view. */
  sums(): Int32Array {
    return this.lanes(this.layout.sums);
  }

  /** First-access latencies by page, in TSC cycles; 0 for a page not visited. A live view. */
  latencyCycles(): BigUint64Array {
    return new BigUint64Array(this.tables.data.buffer, this.layout.latencies - this.tables.base, this.layout.windowPages);
  }

  /** When tasks ran, as they recorded it; none where nothing is recorded. */
  traceLanes(): GuestTraceLane[] {
    const { trace, traceSize } = this.layout;
    return trace === 0 ? [] : readTrace(this.tables.data, trace - this.tables.base, traceSize, this.layout.vcpuCount);
  }

  /** TSC at the begin of a vCPU's phases, in their order; 0 for one that did not take place. */
  phaseStarts(index: number): number[] {
    return Array.from({ length: abi.PHASE_COUNT }, (_, phase) => Number(this.phaseView(index, phase).get('tsc_start')));
  }

  /** When a vCPU's handlers were entered; null where they did not note it. */
  notes(index: number): GuestNotes | null {
    const { notes } = this.layout;
    return notes === 0 ? null : readNotes(this.tables.data, notes - this.tables.base, index);
  }

  /** TSC of the guest at the first access, by page; 0 for a page not visited, and where that was not asked for. A live view. */
  startCycles(): BigUint64Array {
    return new BigUint64Array(this.tables.data.buffer, this.layout.starts - this.tables.base, this.layout.windowPages);
  }

  private lanes(gva: number): Int32Array {
    return new Int32Array(this.tables.data.buffer, gva - this.tables.base, this.layout.windowPages * 2);
  }

  private phaseView(index: number, phase: number): StructView<PhaseField> {
    const at = abi.VCPU_BLOCK_BASE + index * PAGE_SIZE + abi.vcpuBlockLayout.fields.phase.offset + phase * abi.phaseRecordLayout.size;
    return new StructView(abi.phaseRecordLayout, this.low.data, at);
  }

  private phase(index: number, phase: number): PhaseReport {
    const view = this.phaseView(index, phase);
    // A phase that was never closed counts as nothing.
    const span = (from: PhaseField, to: PhaseField): number =>
      Math.max(0, Number(view.get(to) - view.get(from)));
    return {
      tscCycles: span('tsc_start', 'tsc_end'),
      work: span('work_start', 'work_end'),
      kernelCycles: span('kernel_cycles_start', 'kernel_cycles_end'),
    };
  }
}
