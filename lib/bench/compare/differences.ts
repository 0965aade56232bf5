/** In what the runs differ besides their results: to be known before their figures are read. */
import type { ComparableReport, NamedReport, ParameterValue } from './comparable.js';

/** One thing that is not the same in all reports. */
export interface Difference {
  readonly what: string;
  /** By report; null where a report does not say. */
  readonly values: readonly ParameterValue[];
}

/** Of what every report has. Whether a host is emulated is said with its name. */
const CONDITIONS: readonly (readonly [what: string, value: (report: ComparableReport) => ParameterValue])[] = [
  ['host kind', ({ host }) => host.kind],
  ['kernel', ({ host }) => host.kernelRelease],
  ['CPU', ({ host }) => host.cpuModel],
  ['CPUs', ({ host }) => host.cpuCount],
  ['virtualized', ({ host }) => host.virtualized],
  ['emulated', ({ host }) => host.emulated],
  ['kvm-faultlab', ({ tool }) => tool.version],
  ['Node', ({ tool }) => tool.node],
];

/** What differs: host, tool, then the parameters of the run by their names in the report. */
export function differences(reports: readonly NamedReport[]): Difference[] {
  const parameters = reports.map(({ report }) => new Map(Object.entries(report.parameters)));
  const names = [...new Set(parameters.flatMap((of) => [...of.keys()]))];
  return [
    ...CONDITIONS.map(([what, value]) => ({ what, values: reports.map(({ report }) => value(report)) })),
    ...names.map((what) => ({ what, values: parameters.map((of) => plain(of.get(what))) })),
  ].filter(({ values }) => values.some((value) => value !== values[0]));
}

/** A parameter of a format that we do not know may be anything. */
function plain(value: unknown): ParameterValue {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : JSON.stringify(value);
}
