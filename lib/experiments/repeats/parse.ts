/** Reads what `paper --json` and `experiment --json` wrote, as far as two of them are compared. */
import * as v from 'valibot';
import { printable, type ComparableHost } from '../../bench/index.js';
import { FaultLabError } from '../../errors/index.js';
import { EXPERIMENT_REPORT_VERSION, type QuotedFigure } from '../frame/report.js';

/** An experiment of a run. */
export interface RepeatedExperiment {
  readonly id: string;
  readonly interrupted: boolean;
  /** The verdict without its figures; null where there was none. */
  readonly answer: string | null;
  readonly figures: readonly QuotedFigure[];
}

/** A run of several experiments. */
export interface RepeatedRun {
  readonly startedAt: string;
  readonly host: ComparableHost;
  readonly experiments: readonly RepeatedExperiment[];
}

const End = v.nullable(v.number());

const FigureSchema = v.object({
  id: v.string(),
  title: v.string(),
  unit: v.picklist(['ns', 'ratio', 'share']),
  value: v.number(),
  low: End,
  high: End,
  units: v.pipe(v.number(), v.integer(), v.minValue(0)),
  unitsAre: v.string(),
});

const ExperimentSchema = v.object({
  id: v.string(),
  startedAt: v.string(),
  host: v.object({
    kind: v.picklist(['VMX', 'SVM', 'PVM', 'unknown']),
    kernelRelease: v.string(),
    cpuModel: v.string(),
    cpuCount: v.number(),
    virtualized: v.boolean(),
    emulated: v.boolean(),
  }),
  interrupted: v.boolean(),
  finding: v.variant('answered', [v.object({ answered: v.literal(true), answer: v.string() }), v.object({ answered: v.literal(false), why: v.string() })]),
  // Where nothing was to be quoted there are none.
  figures: v.optional(v.array(FigureSchema), []),
});

const RunSchema = v.pipe(v.array(ExperimentSchema), v.minLength(1, 'no experiment is in it'), v.check((all) => new Set(all.map(({ id }) => id)).size === all.length, 'an experiment is there twice'));

const Envelope = v.pipe(v.array(v.object({ reportVersion: v.number(), id: v.string(), finding: v.looseObject({}) })), v.minLength(1));

const WRITTEN_BY = 'the file is to be one that `kvm-faultlab paper --json FILE` or `experiment --json FILE` wrote';

/**
 * Reads a run.
 * @param text - the whole file
 * @param name - of the file, for messages
 * @throws FaultLabError `REPORT_NOT_JSON`, `REPORT_FOREIGN` (JSON, but no reports of experiments), `REPORT_VERSION`, `REPORT_DAMAGED`
 */
export function parseRun(text: string, name: string): RepeatedRun {
  let json: unknown;
  try {
    json = JSON.parse(text) as unknown;
  } catch (cause) {
    // What the parser says quotes the file, whatever that is.
    throw new FaultLabError('REPORT_NOT_JSON', `the report ${name} is not JSON, or not all of it is there`, { hint: WRITTEN_BY, cause });
  }
  const envelope = v.safeParse(Envelope, json);
  if (!envelope.success) throw new FaultLabError('REPORT_FOREIGN', `the file ${name} is JSON, but no reports of experiments`, { hint: WRITTEN_BY });
  const other = envelope.output.find(({ reportVersion }) => reportVersion !== EXPERIMENT_REPORT_VERSION);
  if (other !== undefined) throw new FaultLabError('REPORT_VERSION', `the report ${name} has format ${other.reportVersion}; this release reads format ${EXPERIMENT_REPORT_VERSION}`, { hint: 'compare it with the release that wrote it' });
  const parsed = v.safeParse(RunSchema, json, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const where = v.getDotPath(issue);
    throw new FaultLabError('REPORT_DAMAGED', `the report ${name} is damaged: ${printable(where === null ? issue.message : `${where}: ${issue.message}`)}`, { hint: 'run it again' });
  }
  const [{ startedAt, host }] = parsed.output;
  return { startedAt, host, experiments: parsed.output.map(({ id, interrupted, finding, figures }) => ({ id, interrupted, answer: finding.answered ? finding.answer : null, figures })) };
}
