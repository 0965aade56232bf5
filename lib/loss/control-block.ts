/**
 * The control block: what the tasks are to access, what came of it, and what the guest kernel counted. Everything read here was written by a guest
 * that may do anything, so values are data and never indexes.
 */
import type { SystemRam } from '../memory/index.js';
import { StructView } from '../uapi/index.js';
import * as abi from './abi.js';

/** An access that a task makes, at CPL3 or by way of its kernel. */
export const TASK_ACCESSES = {
  load: abi.ACCESS_LOAD,
  store: abi.ACCESS_STORE,
  'read-modify-write': abi.ACCESS_READ_MODIFY_WRITE,
  fetch: abi.ACCESS_FETCH,
  'kernel-read': abi.ACCESS_KERNEL_READ,
  'kernel-write': abi.ACCESS_KERNEL_WRITE,
  'kernel-load': abi.ACCESS_KERNEL_LOAD,
  'kernel-store': abi.ACCESS_KERNEL_STORE,
  compute: abi.ACCESS_COMPUTE,
  wait: abi.ACCESS_WAIT,
} as const;

/** One of {@link TASK_ACCESSES}: `kernel-read` and `kernel-write` are guarded by the exception table, `kernel-load` and `kernel-store` are not. */
export type TaskAccessKind = keyof typeof TASK_ACCESSES;

/** One access, or several alike. */
export interface TaskAccess {
  readonly access: TaskAccessKind;
  /** Page of the window; left out for `compute` and `wait`, or with `address`. */
  readonly page?: number;
  /** Byte within the page, a multiple of 8; 0 where left out. */
  readonly offset?: number;
  /** gva, for what lies elsewhere. */
  readonly address?: number;
  /** Stored, added, or trips of the loop; 0 where left out. */
  readonly value?: number;
  /** 1 where left out. */
  readonly repeat?: number;
  /** RFLAGS.IF off at CPL3, or on in the kernel, during the access. */
  readonly flipInterrupts?: boolean;
}

/** What one task does, in order. */
export type TaskProgram = readonly TaskAccess[];

/** What came of one access. TSC of the guest. */
export type AccessOutcome = { readonly task: number; readonly tscBefore: bigint; readonly tscAfter: bigint } & (
  | { readonly result: 'none' }
  | { readonly result: 'value'; readonly value: bigint }
  /** `code` and `address` as siginfo has them; address 0 where the event named none. */
  | { readonly result: 'signal'; readonly signal: number; readonly code: number; readonly address: number }
  /** A copy of the kernel's that failed: positive errno. */
  | { readonly result: 'error'; readonly errno: number }
);

/** Why the guest's kernel gave up. */
export interface LossPanic {
  readonly code: number;
  readonly vector: number;
  readonly error: number;
  readonly rip: number;
  readonly address: number;
  readonly cpl: number;
}

/** What the guest's kernel counts. */
export const LOSS_COUNTERS = [
  'not_present', 'ready', 'ready_errors', 'wake_all', 've', 've_at_cpl0', 'machine_checks', 'nmis', 'page_faults', 'signals', 'fixups', 'hypercalls', 'switches', 'idle', 'ticks',
  'resolved', 'spurious', 'bad_pages', 'nmi_lost',
] as const;
/** One of {@link LOSS_COUNTERS}. */
export type LossCounter = (typeof LOSS_COUNTERS)[number];

const RESULTS: Partial<Readonly<Record<number, 'value' | 'signal' | 'error'>>> = { [abi.OUTCOME_VALUE]: 'value', [abi.OUTCOME_SIGNAL]: 'signal', [abi.OUTCOME_ERROR]: 'error' };

/** See the module's comment. */
export class ControlBlock {
  private readonly view: StructView<keyof typeof abi.controlLayout.fields>;
  private outcomes = 0;

  constructor(
    private readonly ram: SystemRam,
    private readonly base: number,
  ) {
    this.view = new StructView(abi.controlLayout, ram.data, base);
  }

  /** Before the guest boots. `features` is FEATURE_*; `timerCount` of the APIC, 0 for no ticks. */
  initialize(features: number, windowPages: number, timerCount: number): void {
    this.view.setNumber('magic', abi.LOSS_MAGIC);
    this.view.setNumber('abi_version', abi.LOSS_ABI_VERSION);
    this.view.setNumber('features', features);
    this.view.setNumber('window_pages', windowPages);
    this.view.setNumber('timer_count', timerCount);
  }

  /** FEATURE_*, as the guest has them now. */
  get features(): number {
    return this.view.number('features');
  }
  /** Changes them; the guest looks at each use, but for FEATURE_ASYNC_PF, which counts at boot. */
  setFeatures(features: number): void {
    this.view.setNumber('features', features);
  }

  /** What the NMI handler does: NMI_*; `address` for NMI_LOAD. */
  setNmiAction(action: number, address = 0): void {
    this.view.setNumber('nmi_action', action);
    this.view.setNumber('nmi_address', address);
  }

  /**
   * Writes what the tasks do next: one program a task.
   * @throws RangeError for more tasks, accesses or outcomes than there is room for, or an access outside its page
   */
  writePrograms(programs: readonly TaskProgram[]): void {
    if (programs.length > abi.LOSS_MAX_TASKS) throw new RangeError(`there are at most ${abi.LOSS_MAX_TASKS} tasks, not ${programs.length}`);
    this.outcomes = 0;
    const { program } = abi.controlLayout.fields;
    for (let task = 0; task < abi.LOSS_MAX_TASKS; task++) {
      const accesses = programs[task] ?? [];
      if (accesses.length > abi.LOSS_MAX_COMMANDS) throw new RangeError(`a task makes at most ${abi.LOSS_MAX_COMMANDS} kinds of accesses, not ${accesses.length}`);
      const at = this.base + program.offset + task * abi.programLayout.size;
      this.ram.bytes.fill(0, at, at + abi.programLayout.size);
      new StructView(abi.programLayout, this.ram.data, at).setNumber('count', accesses.length);
      accesses.forEach((access, index) => {
        this.writeCommand(at + abi.programLayout.fields.command.offset + index * abi.commandLayout.size, access);
      });
    }
    const { outcome } = abi.controlLayout.fields;
    this.ram.bytes.fill(0, this.base + outcome.offset, this.base + outcome.offset + outcome.size);
  }

  /** The outcomes of all accesses written last: program by program, in order. */
  readOutcomes(): AccessOutcome[] {
    return Array.from({ length: this.outcomes }, (_, at) => this.readOutcome(at));
  }

  /** What the kernel counted since it booted. */
  counter(name: LossCounter): number {
    return this.view.number(name);
  }
  /** All of {@link LOSS_COUNTERS}. */
  counters(): Record<LossCounter, number> {
    return Object.fromEntries(LOSS_COUNTERS.map((name) => [name, this.counter(name)])) as Record<LossCounter, number>;
  }

  /** Outcomes, and trips of loops, of one task so far. */
  progress(task: number): number {
    const { program } = abi.controlLayout.fields;
    return new StructView(abi.programLayout, this.ram.data, this.base + program.offset + task * abi.programLayout.size).number('progress');
  }

  /** Whether the guest enabled async page faults, and with errors. */
  get asyncPf(): 'off' | 'on' | 'with errors' {
    const enabled = this.view.number('apf_enabled');
    return enabled === 0 ? 'off' : (enabled & 2) === 0 ? 'on' : 'with errors';
  }

  /** MCi_STATUS of the last machine check. */
  get lastMciStatus(): bigint {
    return this.view.get('last_mci_status');
  }

  /** Why the kernel gave up; null where it has not. */
  panic(): LossPanic | null {
    const code = this.view.number('panic_code');
    if (code === 0) return null;
    const value = (name: 'panic_vector' | 'panic_error' | 'panic_rip' | 'panic_address' | 'panic_cpl'): number => Number(this.view.get(name));
    return { code, vector: value('panic_vector'), error: value('panic_error'), rip: value('panic_rip'), address: value('panic_address'), cpl: value('panic_cpl') };
  }

  private writeCommand(at: number, { access, page, offset = 0, address, value = 0, repeat = 1, flipInterrupts = false }: TaskAccess): void {
    if (offset < 0 || offset + 8 > 4096) throw new RangeError(`offset ${offset} leaves the page`);
    if (!Number.isInteger(repeat) || repeat < 1 || this.outcomes + repeat > abi.LOSS_MAX_OUTCOMES) throw new RangeError(`there is room for ${abi.LOSS_MAX_OUTCOMES} outcomes`);
    const command = new StructView(abi.commandLayout, this.ram.data, at);
    command.setNumber('access', TASK_ACCESSES[access]);
    command.setNumber('flags', flipInterrupts ? abi.ACCESS_FLIP_INTERRUPTS : 0);
    command.setNumber('repeat', repeat);
    command.setNumber('first', this.outcomes);
    command.setNumber('address', address ?? windowAddress(page ?? 0, offset));
    command.setNumber('value', value);
    this.outcomes += repeat;
  }

  private readOutcome(index: number): AccessOutcome {
    const view = new StructView(abi.outcomeLayout, this.ram.data, this.base + abi.controlLayout.fields.outcome.offset + index * abi.outcomeLayout.size);
    const common = { task: view.number('task'), tscBefore: view.get('tsc_before'), tscAfter: view.get('tsc_after') };
    const result = RESULTS[view.number('result')];
    switch (result) {
      case 'value':
        return { ...common, result, value: view.get('value') };
      case 'signal':
        return { ...common, result, signal: view.number('signal'), code: view.number('code'), address: Number(view.get('address')) };
      case 'error':
        return { ...common, result, errno: view.number('code') };
      default:
        return { ...common, result: 'none' };
    }
  }
}

/** gva, and gpa, of a byte of the window. */
export function windowAddress(page: number, offset = 0): number {
  return abi.LOSS_WINDOW_BASE + page * 4096 + offset;
}
