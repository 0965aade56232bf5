/** The guest's event log: a ring in its memory, read from outside. */
import type { SystemRam } from '../memory/index.js';
import { StructView } from '../uapi/index.js';
import * as abi from './abi.js';

/** One entry. `a` and `b` by kind: see LOG_* in guest/include/loss-abi.h. */
export interface GuestEvent {
  /** Its number: events before it since the guest booted. */
  readonly index: number;
  /** TSC of the guest. */
  readonly tsc: bigint;
  readonly kind: number;
  /** Current task; LOSS_MAX_TASKS for idle. */
  readonly task: number;
  readonly a: bigint;
  readonly b: bigint;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const WORDS: Partial<Readonly<Record<number, (event: GuestEvent) => string>>> = {
  [abi.LOG_NOT_PRESENT]: ({ a }) => `#PF: not present, token ${hex(a)}`,
  [abi.LOG_READY]: ({ a, b }) => `ready, token ${hex(a)}${b === 0n ? '' : ', with error'}`,
  [abi.LOG_VE]: ({ a, b }) => `#VE: gva ${hex(a)}, qualification ${hex(b)}`,
  [abi.LOG_MACHINE_CHECK]: ({ a, b }) => `#MC: address ${hex(a)}, status ${hex(b)}`,
  [abi.LOG_NMI]: ({ a }) => `NMI, rip ${hex(a)}`,
  [abi.LOG_PAGE_FAULT]: ({ a, b }) => `#PF: address ${hex(a)}, error code ${hex(b)}`,
  [abi.LOG_SIGNAL]: ({ a, b }) => `signal ${b >> 32n}, code ${b & 0xffffffffn}, address ${hex(a)}`,
  [abi.LOG_FIXUP]: ({ a, b }) => `exception table: rip ${hex(a)} goes on with -${b}`,
  [abi.LOG_BLOCK]: ({ a }) => `task sleeps, token ${hex(a)}`,
  [abi.LOG_WAKE]: ({ a, b }) => `task ${b} is woken, token ${hex(a)}`,
  [abi.LOG_SWITCH]: ({ a }) => `task ${a} runs`,
  [abi.LOG_IDLE]: () => 'no task can run: halt',
  [abi.LOG_HYPERCALL]: ({ a, b }) => `hypercall: resolve, can_continue ${a}: answer ${b}`,
  [abi.LOG_RESOLVED]: ({ a, b }) => `resolved interrupt, token ${hex(a)}${b === 0n ? '' : ', lost'}`,
  [abi.LOG_PANIC]: ({ a, b }) => `panic ${a}, address ${hex(b)}`,
  [abi.LOG_TASK_DONE]: ({ a }) => `task ${a} is done`,
  [abi.LOG_SPURIOUS]: ({ a }) => `nobody waits for token ${hex(a)}`,
};

/** An entry in words. */
export function describeGuestEvent(event: GuestEvent): string {
  return WORDS[event.kind]?.(event) ?? `event ${event.kind}`;
}

/** See the module's comment. */
export class EventLog {
  private taken = 0;

  constructor(
    private readonly ram: SystemRam,
    private readonly base: number,
  ) {}

  /** Entries begun so far. The guest may be in the midst of the last one, wherever it was stopped. */
  get begun(): number {
    return new StructView(abi.eventLogLayout, this.ram.data, this.base).number('count');
  }

  /**
   * Entries since the last call, oldest first; what the ring has overwritten meanwhile is missing. An exit may have come while the guest
   * filled an entry: that one, which has no kind yet, and those behind it are left for the next call.
   */
  take(): GuestEvent[] {
    const count = this.begun;
    const events: GuestEvent[] = [];
    this.taken = Math.max(this.taken, count - abi.LOSS_LOG_ENTRIES);
    for (; this.taken < count; this.taken++) {
      const view = this.entry(this.taken % abi.LOSS_LOG_ENTRIES);
      const kind = view.number('kind');
      if (kind === 0) break;
      events.push({ index: this.taken, tsc: view.get('tsc'), kind, task: view.number('task'), a: view.get('a'), b: view.get('b') });
      // For the entry that will be here a round later.
      view.setNumber('kind', 0);
    }
    return events;
  }

  private entry(place: number): StructView<keyof typeof abi.logEntryLayout.fields> {
    const at = this.base + abi.eventLogLayout.fields.entry.offset + place * abi.logEntryLayout.size;
    return new StructView(abi.logEntryLayout, this.ram.data, at);
  }
}
