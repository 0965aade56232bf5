/** The load of a bench: asked for on the command line, repeated in its report. */
import type { TrapChoice } from '../guest/index.js';
import type { UapiName } from '../uapi/proposals/index.js';
import type { WorkloadName } from './workloads/index.js';

/** What every mode of a bench has in common besides its image. Times in ns. */
export interface BenchSettings {
  readonly workload: WorkloadName;
  /** Where pages come from, as `--source` takes it. */
  readonly source: string;
  /** Interface between KVM and user space. */
  readonly uapi: UapiName;
  /** Who decides whether a vCPU waits for its page, as `--policy` takes it. */
  readonly policy: string;
  /** Order in which pages are visited. */
  readonly order: 'seq' | 'random';
  /** Where the visiting order came from instead: the file of a trace; null where it did not. */
  readonly trace: string | null;
  /** Pages of the trace are fetched ahead, in its order. */
  readonly prefetch: boolean;
  /** Of the random order. */
  readonly seed: number;
  readonly vcpus: number;
  /** Tasks on each vCPU that visit pages. */
  readonly faultTasks: number;
  /** Tasks on each vCPU that count. */
  readonly workTasks: number;
  /** Added to each page request. */
  readonly latencyNs: number;
  /** How latencies are distributed, as `--latency-model` takes it: `constant`, `exponential` (mean `latencyNs`), `file:PATH`. */
  readonly latencyModel: string;
  /** Most fetches of all resolvers together under way at once; 0: no limit. */
  readonly inFlight: number;
  /** Share of the pages that have {@link quickLatencyNs} instead, 0 to 1. */
  readonly quickShare: number;
  readonly quickLatencyNs: number;
  readonly resolvers: number;
  /** Which CPUs the machine's threads are bound to, as `--pin` takes it. */
  readonly pin: string;
  /** By which instruction the guest's tasks trap. */
  readonly trap: TrapChoice;
  /** Scheduler tick of the guest. */
  readonly tickNs: number;
  /** Length of each control phase. */
  readonly controlNs: number;
}

/** Defaults of the command line. */
export const BENCH_DEFAULTS = {
  workload: 'fault-and-work',
  source: 'file',
  uapi: 'stock',
  policy: 'always-async',
  order: 'seq',
  trace: null,
  prefetch: false,
  seed: 1,
  vcpus: 1,
  faultTasks: 8,
  workTasks: 2,
  latencyNs: 0,
  latencyModel: 'constant',
  inFlight: 0,
  quickShare: 0,
  quickLatencyNs: 0,
  resolvers: 1,
  pin: 'auto',
  trap: 'auto',
  tickNs: 4e6,
  controlNs: 500e6,
} as const satisfies BenchSettings;

const NAMES = Object.keys(BENCH_DEFAULTS) as readonly (keyof BenchSettings)[];

/** The settings alone of whatever has them. */
export function settingsOf(settings: BenchSettings): BenchSettings {
  return Object.fromEntries(NAMES.map((name) => [name, settings[name]])) as unknown as BenchSettings;
}
