/** A comparison of reports: plain data, the same in memory and as JSON. */
import { FaultLabError } from '../../errors/index.js';
import type { ComparableHost, NamedReport } from './comparable.js';
import { differences, type Difference } from './differences.js';
import { compareFigures, type ModeFigures } from './figures.js';
import { figuresWithheld } from './hosts.js';
import { compareVerdicts, type ModeVerdicts } from './verdicts.js';

/** Raised when a field changes its meaning or goes away. */
export const COMPARISON_VERSION = 1;

/** What was compared. */
export interface ComparedReport {
  readonly name: string;
  readonly startedAt: string;
  readonly host: ComparableHost;
}

/** Reports side by side. Lists by report are in the order of `reports`. */
export interface Comparison {
  readonly comparisonVersion: number;
  readonly reports: readonly ComparedReport[];
  readonly differences: readonly Difference[];
  readonly verdicts: readonly ModeVerdicts[];
  /** True when each check of each mode came out the same in all reports, and none lacks it. */
  readonly sameVerdicts: boolean;
  /** True when every verdict of every report is good. */
  readonly allGood: boolean;
  /** For the modes that all reports have; null where figures may not be compared or were not asked for. */
  readonly figures: readonly ModeFigures[] | null;
  /** Why there are no figures; null where there are. */
  readonly figuresWithheld: string | null;
}

/** How to compare. */
export interface CompareOptions {
  /** Leaves figures out, which allows reports of hosts whose figures must not be mixed. */
  readonly verdictsOnly: boolean;
}

/**
 * Compares reports.
 * @param reports - two or more
 * @throws FaultLabError `BAD_OPTION` for fewer, `COMPARE_EMULATED` where figures of emulated hosts would meet others
 */
export function compareReports(reports: readonly NamedReport[], { verdictsOnly }: CompareOptions): Comparison {
  if (reports.length < 2) throw new FaultLabError('BAD_OPTION', 'a comparison takes two reports or more');
  const withheld = figuresWithheld(reports, verdictsOnly);
  const verdicts = compareVerdicts(reports);
  const rows = verdicts.flatMap((mode) => mode.rows);
  return {
    comparisonVersion: COMPARISON_VERSION,
    reports: reports.map(({ name, report: { startedAt, host } }) => ({ name, startedAt, host })),
    differences: differences(reports),
    verdicts,
    sameVerdicts: rows.every(({ same }) => same),
    allGood: rows.every((row) => row.verdicts.every((verdict) => verdict === 'good')),
    figures: withheld === null ? compareFigures(reports) : null,
    figuresWithheld: withheld,
  };
}
