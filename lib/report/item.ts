/** What a page is made of: reports of benches, experiments and `speed`, and traces. */
import type { BenchReport, FigureName, FigureSource, GridPoint, ModeReport, SpeedReport, Timeline } from '../bench/index.js';
import type { ExperimentReport } from '../experiments/index.js';
import type { Host } from '../kvm/index.js';

/** A mode of a bench as a page needs it. {@link ModeReport} is one. */
export interface ReportedMode extends Omit<FigureSource, 'latency' | 'work'>, Pick<ModeReport, 'implementation' | 'end' | 'failure' | 'pagingSeconds'> {
  /** Of the row: a delivery mode's, or a variant's. */
  readonly name: string;
  readonly mode: string;
  readonly point: GridPoint;
  readonly latency: Pick<NonNullable<ModeReport['latency']>, 'count' | 'minNs' | 'p50Ns' | 'p90Ns' | 'p99Ns' | 'p999Ns' | 'maxNs' | 'histogram'> | null;
  readonly work: FigureSource['work'] & Pick<ModeReport['work'], 'controlPerSecond' | 'pagingPerSecond'>;
  readonly events: FigureSource['events'] & { readonly checks: readonly { readonly what: string; readonly guest: number; readonly host: number }[] };
  readonly integrity: Pick<ModeReport['integrity'], 'compared' | 'mismatched' | 'guestMismatches'>;
  readonly placement: ModeReport['placement'];
  /** Where the latency went; null where no account was asked for. */
  readonly account: ModeReport['account'];
  readonly repetitions: Pick<ModeReport['repetitions'], 'count' | 'ended'> & {
    /** Figures that this release does not know are left out. */
    readonly samples: { readonly [figure in FigureName]?: readonly (number | null)[] };
  };
}

/** A bench as a page needs it, less than its report has: what a report says of itself is not asked. {@link BenchReport} is one. */
export interface ReportedBench extends Pick<BenchReport, 'startedAt' | 'notReproduced' | 'interrupted' | 'budgetSpent' | 'swept' | 'repetition'> {
  readonly tool: Pick<BenchReport['tool'], 'version' | 'node'>;
  readonly host: Host;
  /** These, and whatever else the report has. */
  readonly parameters: Pick<BenchReport['parameters'], 'pages' | 'latencyNs' | 'tickNs' | 'vcpus' | 'faultTasks' | 'workTasks'> & { readonly uapi: string; readonly workload: string };
  readonly modes: readonly ReportedMode[];
}

/** An experiment's report. {@link ExperimentReport} is one. */
export type ReportedExperiment = Omit<ExperimentReport, 'reportVersion'>;

/** A run's timeline as a page needs it. {@link Timeline} is one. */
export type ReportedTimeline = Pick<Timeline, 'name' | 'lost' | 'lanes' | 'trips'>;

/** Timelines of one recording. */
export interface ReportedTrace extends Pick<BenchReport, 'startedAt' | 'host'> {
  readonly tool: Pick<BenchReport['tool'], 'version' | 'node'>;
  /** What was run, one sentence. */
  readonly load: string;
  readonly timelines: readonly ReportedTimeline[];
}

/** What the implementation costs. {@link SpeedReport} is one. */
export type ReportedSpeed = Pick<SpeedReport, 'tool' | 'startedAt' | 'host' | 'loadAverage' | 'cpus' | 'figures' | 'interrupted'> & {
  readonly parameters: Pick<SpeedReport['parameters'], 'rounds' | 'faults'>;
  readonly vcpuTimes: readonly ReportedVcpuTime[];
};

/** Where a vCPU's time went, as far as a page shows it. */
export interface ReportedVcpuTime extends Pick<SpeedReport['vcpuTimes'][number], 'figure' | 'mode'> {
  readonly account: Pick<SpeedReport['vcpuTimes'][number]['account'], 'wallNs' | 'parts' | 'unexplainedNs' | 'pages'>;
}

/** One thing that a page shows. `name`: of the file that it came from, or what else it is to be called. */
export type ReportItem =
  | { readonly kind: 'bench'; readonly name: string; readonly report: ReportedBench }
  | { readonly kind: 'experiment'; readonly name: string; readonly report: ReportedExperiment }
  | { readonly kind: 'speed'; readonly name: string; readonly report: ReportedSpeed }
  | { readonly kind: 'trace'; readonly name: string; readonly report: ReportedTrace };

/** Where an item was measured. */
export function hostOf(item: ReportItem): Host {
  return item.report.host;
}

/** True where two runs may stand in one plot: everything that a figure depends on is the same. */
export function sameHost(a: Host, b: Host): boolean {
  return a.kind === b.kind && a.kernelRelease === b.kernelRelease && a.cpuModel === b.cpuModel && a.cpuCount === b.cpuCount && a.virtualized === b.virtualized && a.emulated === b.emulated;
}

/** The different hosts of items, in the order in which they come first. */
export function hostsOf(items: readonly ReportItem[]): Host[] {
  const hosts: Host[] = [];
  for (const item of items) if (!hosts.some((host) => sameHost(host, hostOf(item)))) hosts.push(hostOf(item));
  return hosts;
}

/** Pages that a row was to visit. @param asked - of the whole bench */
export function pagesOf({ point }: ReportedMode, asked: number): number {
  return point.pages ?? asked;
}

/** True when every page arrived as it should. @param asked - pages of the whole bench */
export function isIntact(mode: ReportedMode, asked: number): boolean {
  const { compared, mismatched, guestMismatches } = mode.integrity;
  return compared === pagesOf(mode, asked) && mismatched === 0 && guestMismatches === 0;
}

/** True when a row ran to its end, every byte was right and all counts agree. */
export function hasPassed(mode: ReportedMode, asked: number): boolean {
  return mode.end === 'done' && isIntact(mode, asked) && mode.events.checks.every(({ guest, host }) => guest === host);
}
