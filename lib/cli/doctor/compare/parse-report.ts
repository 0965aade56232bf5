/** Takes the text of a doctor's report apart. What it says is believed only as far as its shape: the text may come from anywhere. */
import * as v from 'valibot';
import { printable } from '../../../bench/index.js';
import { FaultLabError } from '../../../errors/index.js';
import type { Host } from '../../../kvm/index.js';
import type { Fact } from '../../../probes/index.js';
import { DOCTOR_VERSION } from '../report.js';

/** What a comparison needs of a report. */
export interface ComparableReport {
  readonly host: Host;
  readonly facts: readonly Fact[];
}

const FactSchema: v.GenericSchema<unknown, Fact> = v.union([
  v.object({ id: v.string(), group: v.string(), title: v.string(), answer: v.string(), detail: v.exactOptional(v.string()) }),
  v.object({ id: v.string(), group: v.string(), title: v.string(), cannot: v.string() }),
]);

const ReportSchema: v.GenericSchema<unknown, ComparableReport> = v.object({
  host: v.object({
    kind: v.picklist(['VMX', 'SVM', 'PVM', 'unknown']),
    kernelRelease: v.string(),
    cpuModel: v.string(),
    cpuCount: v.pipe(v.number(), v.integer(), v.minValue(1)),
    virtualized: v.boolean(),
    emulated: v.boolean(),
  }),
  facts: v.pipe(
    v.array(FactSchema),
    v.minLength(1, 'there are no facts in it'),
    v.check((facts) => new Set(facts.map(({ id }) => id)).size === facts.length, 'a fact is there twice'),
  ),
});

/** The fields that say whether something is a doctor's report at all, and of which version. */
const Envelope = v.object({ doctorVersion: v.number(), tool: v.object({ name: v.literal('kvm-faultlab') }) });

const WRITTEN_BY = 'such reports are written by `kvm-faultlab doctor --json`';

/**
 * Reads a report that `doctor --json` wrote.
 * @param text - the whole file
 * @param name - of the file, for messages
 * @throws FaultLabError `REPORT_NOT_JSON`, `REPORT_FOREIGN` (JSON, but no report of a doctor), `REPORT_VERSION` (of a release with another format),
 * `REPORT_DAMAGED` (a field is missing or is not what it should be)
 */
export function parseDoctorReport(text: string, name: string): ComparableReport {
  const json = parseJson(text, name);
  const envelope = v.safeParse(Envelope, json);
  if (!envelope.success) {
    throw new FaultLabError('REPORT_FOREIGN', `the file ${name} is JSON, but no report of \`kvm-faultlab doctor\``, { hint: WRITTEN_BY });
  }
  const { doctorVersion } = envelope.output;
  if (doctorVersion !== DOCTOR_VERSION) {
    throw new FaultLabError('REPORT_VERSION', `the report ${name} has format ${doctorVersion}; this release reads format ${DOCTOR_VERSION}`, {
      hint: 'make it again with this release',
    });
  }
  const parsed = v.safeParse(ReportSchema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const where = v.getDotPath(issue);
  throw new FaultLabError('REPORT_DAMAGED', `the report ${name} is damaged: ${printable(where === null ? issue.message : `${where}: ${issue.message}`)}`, {
    hint: 'make it again',
  });
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    // What the parser says quotes the file, whatever that is.
    throw new FaultLabError('REPORT_NOT_JSON', `the report ${name} is not JSON, or not all of it is there`, { hint: WRITTEN_BY, cause });
  }
}
