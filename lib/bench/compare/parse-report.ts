/** Takes the text of a report apart. What it says is believed only as far as its shape: the text may come from anywhere. */
import * as v from 'valibot';
import { FaultLabError } from '../../errors/index.js';
import { TRAP_INSTRUCTIONS } from '../../guest/index.js';
import { FIGURE_NAMES } from '../figures.js';
import { ACCOUNT_PARTS } from '../account/index.js';
import { REPORT_VERSION } from '../report.js';
import { rowTitle } from '../row-title.js';
import { SWEEPABLE } from '../sweep.js';
import type { ComparableMode, ComparableReport } from './comparable.js';
import { printable } from './printable.js';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const NotNegative = v.pipe(v.number(), v.minValue(0));
const Measured = v.nullable(NotNegative);

/** True when no two entries have the same name: a comparison goes by names. */
function distinct<T>(entries: readonly T[], nameOf: (entry: T) => string): boolean {
  return new Set(entries.map(nameOf)).size === entries.length;
}

const TrapSchema = v.object({ nullTrapNs: Measured });

const PointSchema = v.object(v.entriesFromList(SWEEPABLE, v.exactOptional(v.number())));

const AccountSchema = v.object({
  faults: Count,
  leftOut: Count,
  floorNs: NotNegative,
  clockRoomNs: NotNegative,
  latencyNs: NotNegative,
  parts: v.pipe(
    v.array(v.object({ part: v.picklist(ACCOUNT_PARTS), meanNs: NotNegative, p50Ns: NotNegative, p99Ns: NotNegative })),
    v.check((parts) => distinct(parts, ({ part }) => part), 'a part is there twice'),
  ),
  unexplainedNs: NotNegative,
});

const RowSchema = v.object({
  name: v.string(),
  point: PointSchema,
  implementation: v.picklist(['native', 'emulated']),
  end: v.picklist(['done', 'stopped', 'failed']),
  pages: Count,
  pagesPerSecond: NotNegative,
  latency: v.nullable(v.object({ p50Ns: NotNegative, p90Ns: NotNegative, p99Ns: NotNegative, maxNs: NotNegative })),
  // Reports of earlier releases have none.
  account: v.optional(v.nullable(AccountSchema), null),
  work: v.object({ relative: Measured, guestKernelShare: Measured, controlDrift: Measured }),
  guestKernel: v.object({ notPresentNs: Measured, readyNs: Measured, tickNs: Measured, entryExitNs: Measured }),
  trap: v.object({ used: v.nullable(v.picklist(TRAP_INSTRUCTIONS)), by: v.object({ syscall: TrapSchema, int80: TrapSchema, ud2: TrapSchema }) }),
  exits: v.object({
    exits: Count,
    faultExits: Count,
    msrExits: Count,
    choseSync: Count,
    spuriousPairs: Count,
    accepted: Count,
    autoCompleted: Count,
    exitless: Count,
    ringFull: Count,
    halts: Count,
  }),
  events: v.object({
    notPresent: Count,
    ready: Count,
    spurious: Count,
    checks: v.pipe(
      v.array(v.object({ what: v.string(), guest: v.number(), host: v.number() })),
      v.check((checks) => distinct(checks, ({ what }) => what), 'a check is there twice'),
    ),
  }),
  integrity: v.object({ compared: Count, mismatched: Count, guestMismatches: Count }),
  repetitions: v.exactOptional(v.object({ samples: v.object(v.entriesFromList(FIGURE_NAMES, v.exactOptional(v.array(v.nullable(v.number()))))) })),
});

/** A comparison goes by the titles of rows: two points of a sweep are not the same mode. */
const ModeSchema: v.GenericSchema<unknown, ComparableMode> = v.pipe(
  RowSchema,
  v.transform(({ name, point, ...row }) => ({ ...row, mode: rowTitle(name, point), ...(point.pages === undefined ? {} : { pagesAsked: point.pages }) })),
);

const ReportSchema: v.GenericSchema<unknown, ComparableReport> = v.object({
  reportVersion: v.literal(REPORT_VERSION),
  tool: v.object({ name: v.literal('kvm-faultlab'), version: v.string(), node: v.string() }),
  startedAt: v.string(),
  host: v.object({
    kind: v.picklist(['VMX', 'SVM', 'PVM', 'unknown']),
    kernelRelease: v.string(),
    cpuModel: v.string(),
    cpuCount: Count,
    virtualized: v.boolean(),
    emulated: v.boolean(),
  }),
  parameters: v.looseObject({ pages: Count }),
  modes: v.pipe(
    v.array(ModeSchema),
    v.minLength(1, 'no mode was run'),
    v.check((modes) => distinct(modes, ({ mode }) => mode), 'a mode is there twice'),
  ),
});

/** The fields that say whether something is a report at all, and of which version. */
const Envelope = v.object({ reportVersion: v.number(), tool: v.object({ name: v.literal('kvm-faultlab') }) });

const WRITTEN_BY = 'reports are written by `kvm-faultlab bench --json FILE`';

/**
 * Reads a report that `bench --json` wrote.
 * @param text - the whole file
 * @param name - of the file, for messages
 * @throws FaultLabError `REPORT_NOT_JSON`, `REPORT_FOREIGN` (JSON, but no report of a bench), `REPORT_VERSION` (of a release with another format),
 * `REPORT_DAMAGED` (a field is missing or is not what it should be)
 */
export function parseReport(text: string, name: string): ComparableReport {
  const json = parseJson(text, name);
  const envelope = v.safeParse(Envelope, json);
  if (!envelope.success) {
    throw new FaultLabError('REPORT_FOREIGN', `the file ${name} is JSON, but no report of \`kvm-faultlab bench\``, { hint: WRITTEN_BY });
  }
  const { reportVersion } = envelope.output;
  if (reportVersion !== REPORT_VERSION) {
    throw new FaultLabError('REPORT_VERSION', `the report ${name} has format ${reportVersion}; this release reads format ${REPORT_VERSION}`, {
      hint: 'compare it with the release that wrote it, or run the bench again',
    });
  }
  const parsed = v.safeParse(ReportSchema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const where = v.getDotPath(issue);
  throw new FaultLabError('REPORT_DAMAGED', `the report ${name} is damaged: ${printable(where === null ? issue.message : `${where}: ${issue.message}`)}`, {
    hint: 'run the bench again',
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
