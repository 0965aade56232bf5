/** What the history guest's handlers note, and in which words a timeline says it. */
import type { TimelineEvent } from '../frame/timeline.js';
import type { EventRecord } from '../machine-code/event-log.js';

/** Kinds of records. The value of each is in its words. */
export const LOG_KINDS = {
  nmi: 1,
  nmiEnd: 2,
  realFault: 3,
  fixup: 4,
  notPresent: 5,
  taskSleeps: 6,
  kernelWaits: 7,
  panic: 8,
  ready: 9,
  woken: 10,
  nobodyWaits: 11,
  killed: 12,
  taskB: 13,
  taskADone: 14,
  virtualization: 15,
  busyCleared: 16,
  plainFault: 17,
} as const;

/** Name of a kind. */
export type LogKind = keyof typeof LOG_KINDS;

/** One record. */
export interface LogRecord {
  readonly kind: LogKind;
  readonly tsc: bigint;
  readonly value: number;
}

const NAMES: ReadonlyMap<number, LogKind> = new Map((Object.entries(LOG_KINDS) as [LogKind, number][]).map(([name, number]) => [number, name]));

/** Records by their names; what is no kind is left out. */
export function namedRecords(records: readonly EventRecord[]): LogRecord[] {
  return records.flatMap(({ kind, tsc, value }) => {
    const name = NAMES.get(kind);
    return name === undefined ? [] : [{ kind: name, tsc, value }];
  });
}

const hex = (value: number): string => `0x${value.toString(16)}`;

const WORDS: Readonly<Record<LogKind, (value: number) => string>> = {
  nmi: (value) => `NMI, in front of the instruction at ${hex(value)}`,
  nmiEnd: () => 'NMI handler returns',
  realFault: (value) => `#PF handler: reason 0, so this is an ordinary page fault at ${hex(value)}`,
  plainFault: (value) => `#PF handler: an ordinary page fault at ${hex(value)}`,
  fixup: (value) => `  of the NMI handler's access: given up by the exception table (continues at ${hex(value)})`,
  notPresent: (value) => `#PF handler: reason 1 (not present), token from CR2: ${hex(value)}`,
  taskSleeps: (value) => `  task A sleeps until ${hex(value)} is ready; task B is next`,
  kernelWaits: (value) => `  it interrupted the kernel, which cannot switch tasks: halts until ${hex(value)} is ready`,
  panic: (value) => `  panic: a not-present event in the kernel, token ${hex(value)}`,
  ready: (value) => `ready event, token ${hex(value)}`,
  woken: (value) => `  task A slept for ${hex(value)}: wakes, and tries again`,
  nobodyWaits: (value) => `  nobody waits for ${hex(value)}`,
  killed: (value) => `  SIGSEGV for the running task, at ${hex(value)}: it never touched that`,
  taskB: () => 'task B runs',
  taskADone: (value) => `task A has its page, and read ${hex(value)}`,
  virtualization: (value) => `#VE handler: gpa ${hex(value)} from the information area`,
  busyCleared: () => '  busy word cleared: the area may be written again',
};

/** Records as a timeline has them. */
export function timelineOf(records: readonly LogRecord[]): TimelineEvent[] {
  return records.map(({ kind, tsc, value }) => ({ tsc, side: 'guest', what: WORDS[kind](value) }));
}
