/** The shape of a bench's report, as a page reads it. */
import * as v from 'valibot';
import { ACCOUNT_PARTS, FIGURE_NAMES, SWEEPABLE } from '../../bench/index.js';
import { TRAP_INSTRUCTIONS } from '../../guest/index.js';
import type { ReportedBench, ReportedMode } from '../item.js';
import { HostSchema, ToolSchema } from './host-schema.js';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const NotNegative = v.pipe(v.number(), v.minValue(0));
const Measured = v.nullable(NotNegative);
const TrapSchema = v.object({ nullTrapNs: Measured });
const Samples = v.array(v.nullable(v.number()));

const HistogramSchema = v.pipe(
  v.object({ upToNs: v.array(NotNegative), counts: v.array(Count) }),
  v.check(({ upToNs, counts }) => upToNs.length === counts.length && upToNs.every((edge, at) => at === 0 || edge > upToNs[at - 1]), 'its edges do not ascend, or are not as many as its counts'),
);

const AccountSchema = v.object({
  faults: v.pipe(Count, v.minValue(1)),
  leftOut: Count,
  floorNs: NotNegative,
  clockRoomNs: NotNegative,
  latencyNs: NotNegative,
  parts: v.array(v.object({ part: v.picklist(ACCOUNT_PARTS), meanNs: NotNegative, p50Ns: NotNegative, p99Ns: NotNegative })),
  unexplainedNs: NotNegative,
});

const RepetitionsSchema = v.object({
  count: Count,
  ended: v.picklist(['count', 'tight', 'most', 'budget', 'interrupted', 'failed']),
  samples: v.object(v.entriesFromList(FIGURE_NAMES, v.exactOptional(Samples))),
});

const ModeSchema: v.GenericSchema<unknown, ReportedMode> = v.object({
  name: v.string(),
  mode: v.string(),
  point: v.object(v.entriesFromList(SWEEPABLE, v.exactOptional(v.number()))),
  failure: v.nullable(v.object({ code: v.string(), message: v.string() })),
  placement: v.array(v.object({ thread: v.string(), cpus: v.array(Count) })),
  // Reports of this format from before there were accounts have no such field.
  account: v.optional(v.nullable(AccountSchema), null),
  repetitions: RepetitionsSchema,
  implementation: v.picklist(['native', 'emulated']),
  end: v.picklist(['done', 'stopped', 'failed']),
  pages: Count,
  pagingSeconds: NotNegative,
  pagesPerSecond: NotNegative,
  latency: v.nullable(v.object({ count: Count, minNs: NotNegative, p50Ns: NotNegative, p90Ns: NotNegative, p99Ns: NotNegative, p999Ns: NotNegative, maxNs: NotNegative, histogram: HistogramSchema })),
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
  budgetSpent: v.boolean(),
  swept: v.array(v.object({ parameter: v.picklist(SWEEPABLE), values: v.pipe(v.array(v.number()), v.minLength(1)) })),
  repetition: v.object({ asked: v.union([Count, v.literal('auto')]), confidenceShare: v.nullable(v.number()), budgetNs: v.nullable(v.number()) }),
  tool: ToolSchema,
  host: HostSchema,
  parameters: v.looseObject({ uapi: v.string(), workload: v.string(), pages: Count, latencyNs: NotNegative, tickNs: NotNegative, vcpus: Count, faultTasks: Count, workTasks: Count }),
  modes: v.pipe(v.array(ModeSchema), v.minLength(1, 'no mode was run')),
});
