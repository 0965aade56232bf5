/** What a page is made of: reports of benches and experiments. */
import type { BenchReport, FigureSource, ModeReport } from '../bench/index.js';
import type { ExperimentReport } from '../experiments/index.js';
import type { Host } from '../kvm/index.js';

/** A mode of a bench as a page needs it. {@link ModeReport} is one. */
export interface ReportedMode extends Omit<FigureSource, 'latency' | 'work'>, Pick<ModeReport, 'implementation' | 'end'> {
  readonly mode: string;
  readonly latency: Pick<NonNullable<ModeReport['latency']>, 'count' | 'minNs' | 'p50Ns' | 'p90Ns' | 'p99Ns' | 'p999Ns' | 'maxNs'> | null;
  readonly work: FigureSource['work'] & Pick<ModeReport['work'], 'controlPerSecond' | 'pagingPerSecond'>;
  readonly events: FigureSource['events'] & { readonly checks: readonly { readonly what: string; readonly guest: number; readonly host: number }[] };
  readonly integrity: Pick<ModeReport['integrity'], 'compared' | 'mismatched' | 'guestMismatches'>;
}

/** A bench as a page needs it, less than its report has: what a report says of itself is not asked. {@link BenchReport} is one. */
export interface ReportedBench extends Pick<BenchReport, 'startedAt' | 'notReproduced' | 'interrupted'> {
  readonly tool: Pick<BenchReport['tool'], 'version' | 'node'>;
  readonly host: Host;
  /** These, and whatever else the report has. */
  readonly parameters: Pick<BenchReport['parameters'], 'pages' | 'latencyNs' | 'vcpus' | 'faultTasks' | 'workTasks'> & { readonly uapi: string };
  readonly modes: readonly ReportedMode[];
}

/** An experiment's report. {@link ExperimentReport} is one. */
export type ReportedExperiment = Omit<ExperimentReport, 'reportVersion'>;

/** One thing that a page shows. `name`: of the file that it came from, or what else it is to be called. */
export type ReportItem =
  | { readonly kind: 'bench'; readonly name: string; readonly report: ReportedBench }
  | { readonly kind: 'experiment'; readonly name: string; readonly report: ReportedExperiment };

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

/** True when every page arrived as it should. */
export function isIntact({ integrity: { compared, mismatched, guestMismatches } }: ReportedMode, pages: number): boolean {
  return compared === pages && mismatched === 0 && guestMismatches === 0;
}

/** True when a mode ran to its end, every byte was right and all counts agree. */
export function hasPassed(mode: ReportedMode, pages: number): boolean {
  return mode.end === 'done' && isIntact(mode, pages) && mode.events.checks.every(({ guest, host }) => guest === host);
}
