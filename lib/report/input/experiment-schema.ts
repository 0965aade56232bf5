/** The shape of an experiment's report, as a page reads it. */
import * as v from 'valibot';
import type { ReportedExperiment } from '../item.js';
import { HostSchema, ToolSchema } from './host-schema.js';

const Sentences = v.array(v.string());
const Value = v.nullable(v.number());
const Values = v.array(Value);

const PlotSchema = v.object({
  title: v.string(),
  x: v.array(v.string()),
  xLabel: v.exactOptional(v.string()),
  y: v.string(),
  lines: v.array(v.object({ name: v.string(), title: v.exactOptional(v.string()), values: Values, low: v.exactOptional(Values), high: v.exactOptional(Values) })),
  xNs: v.exactOptional(v.array(v.number())),
  log10Of: v.exactOptional(v.string()),
  marks: v.exactOptional(v.array(v.object({ label: v.string(), what: v.exactOptional(v.string()), atNs: v.number(), lowNs: v.number(), highNs: v.number() }))),
  reference: v.exactOptional(v.object({ y: v.number(), label: v.string() })),
  better: v.exactOptional(v.picklist(['lower', 'higher'])),
  load: v.exactOptional(v.string()),
  note: v.exactOptional(v.string()),
});

const FindingSchema = v.variant('answered', [
  v.object({ answered: v.literal(true), answer: v.string(), verdict: v.string() }),
  v.object({ answered: v.literal(false), why: v.string() }),
]);

/** See the module's comment. */
export const ExperimentSchema: v.GenericSchema<unknown, ReportedExperiment> = v.object({
  id: v.string(),
  question: v.string(),
  method: Sentences,
  tool: ToolSchema,
  host: HostSchema,
  startedAt: v.string(),
  seconds: v.number(),
  budgetSeconds: v.number(),
  interrupted: v.boolean(),
  finding: FindingSchema,
  changedBy: Sentences,
  notReproduced: Sentences,
  tables: v.array(
    v.object({ id: v.string(), title: v.string(), rows: v.array(v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()]))), detail: v.exactOptional(v.boolean()), note: v.exactOptional(v.string()) }),
  ),
  plots: v.array(PlotSchema),
  traces: v.exactOptional(v.array(v.object({ title: v.string(), text: v.string() }))),
});
