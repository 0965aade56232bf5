/** The shape of a report of `speed`, as a page reads it. */
import * as v from 'valibot';
import { SPEED_FIGURE_NAMES, VCPU_PARTS, WORK_FIGURE_NAMES, type VcpuPart } from '../../bench/index.js';
import { MODES, type DeliveryMode } from '../../machine/index.js';
import type { ReportedSpeed } from '../item.js';
import { HostSchema, ToolSchema } from './host-schema.js';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

const PartSchema = v.object({ name: v.string(), value: v.number() });

/** An end of an interval; of a single round there is none, which JSON writes as null. */
function endOr(unknown: number): v.GenericSchema<unknown, number> {
  return v.pipe(v.nullable(v.number()), v.transform((end) => end ?? unknown));
}

const FigureSchema = v.object({
  name: v.picklist(SPEED_FIGURE_NAMES),
  unit: v.picklist(['ratio', 'ns', 'bytes']),
  goal: v.nullable(v.union([v.object({ atMost: v.number() }), v.object({ atLeast: v.number() })])),
  measured: v.object({ value: v.number(), low: endOr(-Infinity), high: endOr(Infinity), count: Count }),
  verdict: v.nullable(v.picklist(['met', 'missed', 'open'])),
  missedByShare: v.nullable(v.number()),
  notes: v.array(v.string()),
  // Older reports have none.
  account: v.optional(v.nullable(v.object({ whole: v.number(), parts: v.array(PartSchema), unexplained: v.number() })), null),
});

const Ns = v.pipe(v.number(), v.finite(), v.minValue(0));

const VcpuTimeSchema = v.object({
  figure: v.picklist(WORK_FIGURE_NAMES),
  mode: v.picklist(Object.keys(MODES) as DeliveryMode[]),
  account: v.object({ wallNs: Ns, parts: v.object(Object.fromEntries(VCPU_PARTS.map((part) => [part, Ns])) as Record<VcpuPart, typeof Ns>), unexplainedNs: Ns, pages: Count }),
});

/** See the module's comment. */
export const SpeedSchema: v.GenericSchema<unknown, ReportedSpeed> = v.object({
  tool: ToolSchema,
  startedAt: v.string(),
  host: HostSchema,
  loadAverage: v.tuple([v.number(), v.number()]),
  cpus: v.nullable(v.object({ vcpu: Count, resolver: Count })),
  parameters: v.object({ rounds: Count, faults: Count }),
  figures: v.pipe(v.array(FigureSchema), v.minLength(1, 'nothing was measured')),
  interrupted: v.boolean(),
  // Older reports have none.
  vcpuTimes: v.optional(v.array(VcpuTimeSchema), []),
});
