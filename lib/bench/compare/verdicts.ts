/** The verdicts of reports side by side. They hold on every kind of host, emulated ones included. */
import type { ComparableMode, NamedReport } from './comparable.js';

/** `absent`: the report has no such mode, or its mode no such check. */
export type Verdict = 'good' | 'bad' | 'absent';

/** One check, and what came of it in each report. */
export interface VerdictRow {
  readonly what: string;
  /** By report. */
  readonly verdicts: readonly Verdict[];
  readonly same: boolean;
}

/** The checks of one mode. */
export interface ModeVerdicts {
  readonly mode: string;
  readonly rows: readonly VerdictRow[];
}

/**
 * Sets the verdicts of reports side by side, mode by mode. They are derived again from what was counted: a report's own `passed` is not asked.
 * @returns every mode and check of any report, in the order in which they come first
 */
export function compareVerdicts(reports: readonly NamedReport[]): ModeVerdicts[] {
  const names = union(reports.map(({ report }) => report.modes.map(({ mode }) => mode)));
  return names.map((mode) => {
    const verdicts = reports.map(({ report }) => verdictsOf(report.modes.find((candidate) => candidate.mode === mode), report.parameters.pages));
    return { mode, rows: union(verdicts.map((of) => [...of.keys()])).map((what) => row(what, verdicts.map((of) => of.get(what) ?? 'absent'))) };
  });
}

/** What a mode's report says, check by check; nothing for a mode that is not there. */
function verdictsOf(mode: ComparableMode | undefined, pages: number): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  if (mode === undefined) return verdicts;
  const { compared, mismatched, guestMismatches } = mode.integrity;
  const judge = (what: string, good: boolean): void => {
    verdicts.set(what, good ? 'good' : 'bad');
  };
  judge('ran to its end', mode.end === 'done');
  judge('integrity: every page is that of the image', compared === (mode.pagesAsked ?? pages) && mismatched === 0 && guestMismatches === 0);
  for (const { what, guest, host } of mode.events.checks) judge(what, guest === host);
  return verdicts;
}

function row(what: string, verdicts: readonly Verdict[]): VerdictRow {
  return { what, verdicts, same: verdicts.every((verdict) => verdict === verdicts[0]) };
}

/** Everything that is in any list, once. */
function union(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())];
}
