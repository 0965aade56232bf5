/** The load of a bench: asked for on the command line, repeated in its report. */
import type { TrapChoice } from '../guest/index.js';
import type { UapiName } from '../uapi/proposals/index.js';

/** What every mode of a bench has in common besides its image. Times in ns. */
export interface BenchSettings {
  /** Interface between KVM and user space. */
  readonly uapi: UapiName;
  /** Who decides whether a vCPU waits for its page, as `--policy` takes it. */
  readonly policy: string;
  /** Order in which pages are visited. */
  readonly order: 'seq' | 'random';
  /** Of the random order. */
  readonly seed: number;
  readonly vcpus: number;
  /** Tasks on each vCPU that visit pages. */
  readonly faultTasks: number;
  /** Tasks on each vCPU that count. */
  readonly workTasks: number;
  /** Added to each page request. */
  readonly latencyNs: number;
  /** Share of the pages that have {@link quickLatencyNs} instead, 0 to 1. */
  readonly quickShare: number;
  readonly quickLatencyNs: number;
  readonly resolvers: number;
  /** By which instruction the guest's tasks trap. */
  readonly trap: TrapChoice;
  /** Scheduler tick of the guest. */
  readonly tickNs: number;
  /** Length of each control phase. */
  readonly controlNs: number;
}

/** Defaults of the command line. */
export const BENCH_DEFAULTS = {
  uapi: 'stock',
  policy: 'always-async',
  order: 'seq',
  seed: 1,
  vcpus: 1,
  faultTasks: 8,
  workTasks: 2,
  latencyNs: 0,
  quickShare: 0,
  quickLatencyNs: 0,
  resolvers: 1,
  trap: 'auto',
  tickNs: 4e6,
  controlNs: 500e6,
} as const satisfies BenchSettings;

/** The settings alone of whatever has them. */
export function settingsOf(settings: BenchSettings): BenchSettings {
  const { uapi, policy, order, seed, vcpus, faultTasks, workTasks, latencyNs, quickShare, quickLatencyNs, resolvers, trap, tickNs, controlNs } = settings;
  return { uapi, policy, order, seed, vcpus, faultTasks, workTasks, latencyNs, quickShare, quickLatencyNs, resolvers, trap, tickNs, controlNs };
}
