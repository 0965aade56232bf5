/** What a comparison reads of a bench's report. Less than the report has, so that reports of other releases can be read too. */
import type { Host } from '../../kvm/index.js';
import type { EventCheck, IntegrityCheck } from '../checks.js';
import type { FigureName, FigureSource } from '../figures.js';
import type { BenchReport, ModeReport } from '../report.js';

/** A host as reports name it. */
export type ComparableHost = Pick<Host, 'kind' | 'kernelRelease' | 'cpuModel' | 'cpuCount' | 'virtualized' | 'emulated'>;

/** One mode of a report. */
export interface ComparableMode extends FigureSource {
  /** Title of a row: a mode of the release that wrote the report, which need not be one of ours, or a variant, and the point of a sweep. */
  readonly mode: string;
  /** Pages that were to be visited, where a sweep has several numbers of them. */
  readonly pagesAsked?: number;
  readonly implementation: 'native' | 'emulated';
  readonly end: ModeReport['end'];
  readonly events: FigureSource['events'] & { readonly checks: readonly Pick<EventCheck, 'what' | 'guest' | 'host'>[] };
  readonly integrity: Pick<IntegrityCheck, 'compared' | 'mismatched' | 'guestMismatches'>;
  /** One value a run of each figure that it had; left out where it ran once. */
  readonly repetitions?: { readonly samples: { readonly [figure in FigureName]?: readonly (number | null)[] } };
}

/** What a parameter of a run may be. */
export type ParameterValue = string | number | boolean | null;

/** A whole report. {@link BenchReport} is one. */
export interface ComparableReport extends Pick<BenchReport, 'reportVersion' | 'startedAt'> {
  readonly tool: Pick<BenchReport['tool'], 'version' | 'node'>;
  readonly host: ComparableHost;
  /** All parameters there are; `pages` is always among them. */
  readonly parameters: { readonly pages: number };
  readonly modes: readonly ComparableMode[];
}

/** A report and what to call it. */
export interface NamedReport {
  /** The file it came from. */
  readonly name: string;
  readonly report: ComparableReport;
}
