/** Facts of several hosts side by side. Pure: nothing here does I/O. */
import type { Host } from '../../../kvm/index.js';
import type { Fact, Finding } from '../../../probes/index.js';
import type { ComparableReport } from './parse-report.js';

/** A report and what to call it where its host's description is not enough. */
export interface NamedReport extends ComparableReport {
  readonly name: string;
}

/** One fact on every host. */
export interface FactRow {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  /** In the order of the hosts; null where a report does not have the fact. */
  readonly findings: readonly (Finding | null)[];
  /** True where every host gave the same answer, or none for the same reason. `detail` does not count. */
  readonly same: boolean;
}

/** See the module's comment. Plain data: `--json` prints it as it is. */
export interface FactComparison {
  readonly comparisonVersion: number;
  readonly hosts: readonly { readonly name: string; readonly host: Host }[];
  readonly rows: readonly FactRow[];
}

/** Raised when a field changes its meaning or goes away. */
export const FACT_COMPARISON_VERSION = 1;

/** The words of a finding that count in a comparison, and that a table shows. */
export function findingText(finding: Finding | null): string {
  if (finding === null) return 'not asked';
  return 'answer' in finding ? finding.answer : `cannot tell: ${finding.cannot}`;
}

/** Sets reports side by side: facts in the order of the first report, then those that only others have. */
export function compareFacts(reports: readonly NamedReport[]): FactComparison {
  const facts = new Map<string, Fact>();
  for (const report of reports) for (const fact of report.facts) if (!facts.has(fact.id)) facts.set(fact.id, fact);
  const byId = reports.map((report) => new Map(report.facts.map((fact) => [fact.id, fact])));
  const rows = [...facts.values()].map(({ id, group, title }): FactRow => {
    const findings = byId.map((of) => findingOf(of.get(id)));
    return { id, group, title, findings, same: new Set(findings.map(findingText)).size === 1 };
  });
  return { comparisonVersion: FACT_COMPARISON_VERSION, hosts: reports.map(({ name, host }) => ({ name, host })), rows: inGroups(rows) };
}

function findingOf(fact: Fact | undefined): Finding | null {
  if (fact === undefined) return null;
  if ('cannot' in fact) return { cannot: fact.cannot };
  return { answer: fact.answer, ...(fact.detail === undefined ? {} : { detail: fact.detail }) };
}

/** Facts that only a later report has go to the others of their group. */
function inGroups(rows: readonly FactRow[]): FactRow[] {
  const groups = [...new Set(rows.map(({ group }) => group))];
  return groups.flatMap((group) => rows.filter((row) => row.group === group));
}

/** A short heading for each host's column: kind and kernel, what its CPU is made of where that is software, its name where two are alike. */
export function columnTitles({ hosts }: FactComparison): string[] {
  const titles = hosts.map(({ host }) => `${host.kind}, Linux ${host.kernelRelease}${host.emulated ? ', CPU emulated' : ''}`);
  return titles.map((title, at) => (titles.indexOf(title) === titles.lastIndexOf(title) ? title : `${title} (${hosts[at].name})`));
}
