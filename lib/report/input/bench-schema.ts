/** The shape of a bench's report, as a page reads it. */
import * as v from 'valibot';
import { TRAP_INSTRUCTIONS } from '../../guest/index.js';
import type { ReportedBench, ReportedMode } from '../item.js';
import { HostSchema, ToolSchema } from './host-schema.js';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const NotNegative = v.pipe(v.number(), v.minValue(0));
const Measured = v.nullable(NotNegative);
const TrapSchema = v.object({ nullTrapNs: Measured });

const ModeSchema: v.GenericSchema<unknown, ReportedMode> = v.object({
  mode: v.string(),
  implementation: v.picklist(['native', 'emulated']),
  end: v.picklist(['done', 'stopped']),
  pages: Count,
  pagesPerSecond: NotNegative,
  latency: v.nullable(v.object({ count: Count, minNs: NotNegative, p50Ns: NotNegative, p90Ns: NotNegative, p99Ns: NotNegative, p999Ns: NotNegative, maxNs: NotNegative })),
  work: v.object({ controlPerSecond: Measured, pagingPerSecond: NotNegative, relative: Measured, guestKernelShare: Measured, controlDrift: Measured }),
  guestKernel: v.object({ notPresentNs: Measured, readyNs: Measured, tickNs: Measured, entryExitNs: Measured }),
  trap: v.object({ used: v.nullable(v.picklist(TRAP_INSTRUCTIONS)), by: v.object({ syscall: TrapSchema, int80: TrapSchema, ud2: TrapSchema }) }),
  exits: v.object({
    exits: Count, faultExits: Count, msrExits: Count, choseSync: Count, spuriousPairs: Count, accepted: Count, autoCompleted: Count, exitless: Count, ringFull: Count, halts: Count,
  }),
  events: v.object({ notPresent: Count, ready: Count, spurious: Count, checks: v.array(v.object({ what: v.string(), guest: v.number(), host: v.number() })) }),
  integrity: v.object({ compared: Count, mismatched: Count, guestMismatches: Count }),
});

/** See the module's comment. */
export const BenchSchema: v.GenericSchema<unknown, ReportedBench> = v.object({
  startedAt: v.string(),
  notReproduced: v.array(v.string()),
  interrupted: v.boolean(),
  tool: ToolSchema,
  host: HostSchema,
  parameters: v.looseObject({ uapi: v.string(), pages: Count, latencyNs: NotNegative, vcpus: Count, faultTasks: Count, workTasks: Count }),
  modes: v.pipe(v.array(ModeSchema), v.minLength(1, 'no mode was run')),
});
