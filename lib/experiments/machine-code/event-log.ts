/** A log in a guest's memory: its handlers note what they find, with the TSC; the VMM reads it afterwards. */
import type { Assembler } from './assembler.js';

/** Bytes of a record: a kind (4 bytes), the TSC and a value (8 bytes each). */
export const RECORD_BYTES = 32;
const KIND = 0;
const TSC = 8;
const VALUE = 16;

/** Where a log is: guest addresses, physical and virtual alike. */
export interface EventLogPlace {
  readonly start: number;
  /** First byte behind it. What does not fit is not noted. */
  readonly end: number;
  /** Eight bytes: address of the next record. */
  readonly tail: number;
}

/** A record; its kind is a number that guest and reader agree on. */
export interface EventRecord {
  readonly kind: number;
  readonly tsc: bigint;
  readonly value: number;
}

/** Appends the routine `log`: a record of kind RCX with value RSI. RAX, RCX and RDX are lost. An NMI in its midst gets a record of its own. */
export function appendLogRoutine(code: Assembler, { end, tail }: EventLogPlace): void {
  code.label('log').set('rax', RECORD_BYTES).exchangeAdd(tail, 'rax').compare('rax', end - RECORD_BYTES).jump('logFull', 'above');
  code.push('rsi').copy('rsi', 'rax').store32({ base: 'rsi', offset: KIND }, 'rcx').readTsc().store({ base: 'rsi', offset: TSC }, 'rax');
  code.pop('rax').store({ base: 'rsi', offset: VALUE }, 'rax').copy('rsi', 'rax');
  code.label('logFull').ret();
}

/** Empties a log. `data` is the guest's memory from gpa 0. */
export function clearLog(data: DataView, { start, tail }: EventLogPlace): void {
  data.setBigUint64(tail, BigInt(start), true);
}

/** Reads a log, as far as the guest says that it goes and it can go. */
export function readRecords(data: DataView, { start, end, tail }: EventLogPlace): EventRecord[] {
  const said = Number(data.getBigUint64(tail, true));
  const last = Math.min(Math.max(start, said), end);
  const records: EventRecord[] = [];
  for (let at = start; at + RECORD_BYTES <= last; at += RECORD_BYTES) {
    records.push({ kind: data.getUint32(at + KIND, true), tsc: data.getBigUint64(at + TSC, true), value: Number(data.getBigUint64(at + VALUE, true)) });
  }
  return records;
}
