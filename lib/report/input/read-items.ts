/** Takes the text of a report's file apart. What it says is believed only as far as its shape: the text may come from anywhere. */
import * as v from 'valibot';
import { REPORT_VERSION, SPEED_REPORT_VERSION, TRACE_VERSION, printable } from '../../bench/index.js';
import { FaultLabError } from '../../errors/index.js';
import { EXPERIMENT_REPORT_VERSION } from '../../experiments/index.js';
import type { ReportItem } from '../item.js';
import { BenchSchema } from './bench-schema.js';
import { ExperimentSchema } from './experiment-schema.js';
import { SpeedSchema } from './speed-schema.js';
import { TraceSchema } from './trace-schema.js';

/** What says that something is a report at all, and of which version and kind. */
const Envelope = v.object({ reportVersion: v.number(), tool: v.object({ name: v.literal('kvm-faultlab') }) });

/** The same for `speed`, which counts its formats by itself. */
const SpeedEnvelope = v.object({ speedVersion: v.number(), tool: v.object({ name: v.literal('kvm-faultlab') }) });

/** The same for a trace, which is in a format of others. */
const TraceEnvelope = v.object({ traceEvents: v.array(v.unknown()), otherData: v.object({ traceVersion: v.number(), tool: v.object({ name: v.literal('kvm-faultlab') }) }) });

const WRITTEN_BY = 'a page is made of what `kvm-faultlab bench --json FILE`, `kvm-faultlab experiment --json FILE`, `kvm-faultlab speed --json FILE` and `kvm-faultlab trace -o FILE` wrote';

/**
 * Reads a file: one bench's report, one of `speed`, a list of experiments' reports, or a trace.
 * @param text - the whole file
 * @param name - of the file, for messages and for the page
 * @throws FaultLabError `REPORT_NOT_JSON`, `REPORT_FOREIGN` (JSON, but no report), `REPORT_VERSION` (of a release with another format), `REPORT_DAMAGED` (a field is
 * missing or is not what it should be); each says what the file is
 */
export function readItems(text: string, name: string): ReportItem[] {
  const json = parse(text, name);
  if (!Array.isArray(json)) return [readItem(json, name)];
  if (json.length === 0) throw new FaultLabError('REPORT_FOREIGN', `the file ${name} holds an empty list: no report`, { hint: WRITTEN_BY });
  return json.map((entry) => readItem(entry, name));
}

function readItem(json: unknown, name: string): ReportItem {
  const trace = v.safeParse(TraceEnvelope, json);
  if (trace.success) {
    requireVersion('trace', trace.output.otherData.traceVersion, TRACE_VERSION, name);
    return { kind: 'trace', name, report: shaped(TraceSchema, json, name) };
  }
  const speed = v.safeParse(SpeedEnvelope, json);
  if (speed.success) {
    requireVersion('run of `speed`', speed.output.speedVersion, SPEED_REPORT_VERSION, name);
    return { kind: 'speed', name, report: shaped(SpeedSchema, json, name) };
  }
  const envelope = v.safeParse(Envelope, json);
  if (!envelope.success) throw new FaultLabError('REPORT_FOREIGN', `the file ${name} is ${whatItIs(json)}, but no report of a bench or an experiment`, { hint: WRITTEN_BY });
  if (has(json, 'question')) {
    requireVersion('experiment', envelope.output.reportVersion, EXPERIMENT_REPORT_VERSION, name);
    return { kind: 'experiment', name, report: shaped(ExperimentSchema, json, name) };
  }
  if (has(json, 'modes')) {
    requireVersion('bench', envelope.output.reportVersion, REPORT_VERSION, name);
    return { kind: 'bench', name, report: shaped(BenchSchema, json, name) };
  }
  throw new FaultLabError('REPORT_FOREIGN', `the file ${name} is a report of kvm-faultlab, but of no bench and no experiment`, { hint: WRITTEN_BY });
}

function shaped<T>(schema: v.GenericSchema<unknown, T>, json: unknown, name: string): T {
  const parsed = v.safeParse(schema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const where = v.getDotPath(issue);
  throw new FaultLabError('REPORT_DAMAGED', `the report ${name} is damaged: ${printable(where === null ? issue.message : `${where}: ${issue.message}`)}`, { hint: 'run it again' });
}

function requireVersion(kind: string, version: number, known: number, name: string): void {
  if (version === known) return;
  throw new FaultLabError('REPORT_VERSION', `the report ${name} is one of a${kind === 'experiment' ? 'n' : ''} ${kind} in format ${version}; this release reads format ${known}`, {
    hint: 'make the page with the release that wrote it, or run it again',
  });
}

function parse(text: string, name: string): unknown {
  if (text.trim() === '') throw new FaultLabError('REPORT_NOT_JSON', `the file ${name} is empty`, { hint: WRITTEN_BY });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    // What the parser says quotes the file, whatever that is.
    const isCut = /^\s*[{[]/.test(text);
    throw new FaultLabError('REPORT_NOT_JSON', isCut ? `the report ${name} is cut off or damaged: it begins like JSON and is none` : `the file ${name} is not JSON`, { hint: WRITTEN_BY, cause });
  }
}

function has(json: unknown, key: string): boolean {
  return typeof json === 'object' && json !== null && Object.hasOwn(json, key);
}

/** Says what somebody gave us instead. */
function whatItIs(json: unknown): string {
  if (has(json, 'conformVersion') || (has(json, 'counts') && has(json, 'target'))) return 'a report of `conform`';
  if (has(json, 'facts')) return 'a report of `doctor`';
  if (has(json, 'comparisonVersion')) return 'a comparison';
  if (has(json, 'traceEvents')) return 'a trace of another program';
  return typeof json === 'object' && json !== null ? 'JSON' : `JSON of a single ${json === null ? 'null' : typeof json}`;
}
