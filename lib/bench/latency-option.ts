/** Latency models as people name them. */
import { readFileSync } from 'node:fs';
import { FaultLabError } from '../errors/index.js';
import { CONSTANT, type LatencyModel } from '../faults/index.js';
import { MAX_LATENCY_NS } from '../machine/index.js';

const FILE = 'file:';
/** What `--latency-model` takes, for help and hints. */
export const LATENCY_MODEL_FORMS = 'constant, exponential, file:PATH';
/** Latencies that a recorded model keeps apart. */
const MOST_RECORDED = 1_000_000;

/**
 * Reads a latency model. A file has one latency a line, in ns, and after it how often it came where that is not once: `30000` or `30000 12`.
 * Empty lines and what follows a `#` are passed over.
 * @throws FaultLabError `BAD_OPTION`, `LATENCIES_UNREADABLE`
 */
export function parseLatencyModel(text: string): LatencyModel {
  if (text === 'constant') return CONSTANT;
  if (text === 'exponential') return { kind: 'exponential' };
  if (text.startsWith(FILE) && text.length > FILE.length) return { kind: 'recorded', ascendingNs: readLatencies(text.slice(FILE.length)) };
  throw new FaultLabError('BAD_OPTION', `unknown latency model '${text}'`, { hint: `there are ${LATENCY_MODEL_FORMS}` });
}

function readLatencies(path: string): Float64Array {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FaultLabError('LATENCIES_UNREADABLE', `the latencies ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const values: number[] = [];
  text.split('\n').forEach((line, at) => {
    const plain = line.replace(/#.*/, '').trim();
    if (plain === '') return;
    const match = /^(\d{1,15})(?:\s+(\d{1,15}))?$/.exec(plain);
    const ns = match === null ? NaN : Number(match[1]);
    const count = Number(match?.[2] ?? 1);
    if (!(ns <= MAX_LATENCY_NS)) throw new FaultLabError('LATENCIES_UNREADABLE', `line ${at + 1} of ${path} is no latency: a whole number of ns up to ${MAX_LATENCY_NS}, and how often it came`);
    if (values.length + count > MOST_RECORDED) throw new FaultLabError('LATENCIES_UNREADABLE', `${path} has more than ${MOST_RECORDED} latencies: divide the counts`);
    for (let i = 0; i < count; i++) values.push(ns);
  });
  if (values.length === 0) throw new FaultLabError('LATENCIES_UNREADABLE', `there is no latency in ${path}`);
  return Float64Array.from(values).sort();
}
