/** What a workload is: which rows a report has, which pages the guest visits in which order, and what holds unless something else is asked for. */
import type { DeliveryMode, UserfaultfdLayout } from '../../machine/index.js';
import type { BenchSettings } from '../settings.js';

/** One row of a report: a delivery mode, or a variant of one. */
export interface WorkloadRow {
  /** Distinct in its workload. */
  readonly name: string;
  readonly mode: DeliveryMode;
  /** Resolver Workers, where the row does not take those of the settings. */
  readonly resolvers?: number;
  readonly userfaultfds?: UserfaultfdLayout;
  /** All pages are in place before the guest starts: a run without faults. */
  readonly populate?: boolean;
  /** Pages of the order are fetched ahead. */
  readonly prefetch?: boolean;
}

/** Settings of one point, and which modes were asked for. */
export interface RowChoice {
  readonly settings: BenchSettings;
  readonly modes: readonly DeliveryMode[];
  /** Several runs are made: they begin with one without faults. */
  readonly repeated: boolean;
}

/** See the module's comment. */
export interface Workload {
  /** One sentence for people. */
  readonly summary: string;
  /** What `--help` and the report's header call its rows. */
  readonly rowsAre: string;
  /** Settings that are other than those of the command line, unless they are given. */
  readonly defaults: Partial<BenchSettings>;
  /** Rows at one point of a sweep, in report order. */
  rows(choice: RowChoice): WorkloadRow[];
  /** Pages in visiting order; null: as `--order` says. */
  order?(pageCount: number, visited: number, seed: number): Uint32Array;
}

/** The row without faults: the same tasks, every page in place. */
export function residentRow(settings: BenchSettings): WorkloadRow {
  return { name: 'resident', mode: settings.uapi === 'stock' ? 'sync-uffd' : 'sync-exit', populate: true };
}
