/** A comparison of reports: plain data, the same in memory and as JSON. */
import { FaultLabError } from '../../errors/index.js';
import type { ComparableHost, NamedReport } from './comparable.js';
import { differences, type Difference } from './differences.js';
import { DEFAULT_THRESHOLD_SHARE } from './changes.js';
import { compareFigures, type ModeFigures } from './figures.js';
import { differingHosts, figuresWithheld } from './hosts.js';
import { compareVerdicts, type ModeVerdicts } from './verdicts.js';

/** Raised when a field changes its meaning or goes away. */
export const COMPARISON_VERSION = 2;

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
  /** True where a figure changed; false where none did, or none was compared. */
  readonly changed: boolean;
  /** True where figures of different hosts were compared all the same. */
  readonly forced: boolean;
}

/** How to compare. */
export interface CompareOptions {
  /** Leaves figures out, which allows reports of hosts whose figures must not be mixed. */
  readonly verdictsOnly: boolean;
  /** Compares figures of different hosts all the same, unless some are emulated and others are not. Default false. */
  readonly force?: boolean;
  /** Smallest relative difference that counts as a change. Default 0.03. */
  readonly thresholdShare?: number;
}

/**
 * Compares reports.
 * @param reports - two or more
 * @throws FaultLabError `BAD_OPTION` for fewer, `COMPARE_EMULATED` where figures of emulated hosts would meet others, `COMPARE_HOSTS` where
 * those of different hosts would and it was not forced
 */
export function compareReports(reports: readonly NamedReport[], { verdictsOnly, force = false, thresholdShare = DEFAULT_THRESHOLD_SHARE }: CompareOptions): Comparison {
  if (reports.length < 2) throw new FaultLabError('BAD_OPTION', 'a comparison takes two reports or more');
  const withheld = figuresWithheld(reports, verdictsOnly, force);
  const verdicts = compareVerdicts(reports);
  const rows = verdicts.flatMap((mode) => mode.rows);
  const figures = withheld === null ? compareFigures(reports, thresholdShare) : null;
  return {
    comparisonVersion: COMPARISON_VERSION,
    reports: reports.map(({ name, report: { startedAt, host } }) => ({ name, startedAt, host })),
    differences: differences(reports),
    verdicts,
    sameVerdicts: rows.every(({ same }) => same),
    allGood: rows.every((row) => row.verdicts.every((verdict) => verdict === 'good')),
    figures,
    figuresWithheld: withheld,
    changed: figures?.some((mode) => mode.rows.some(({ changes }) => changes.some((change) => change?.verdict === 'changed'))) ?? false,
    forced: figures !== null && differingHosts(reports).length > 1,
  };
}
