/** Parameters that take several values in one bench: every combination of them is a point. */
import { FaultLabError } from '../errors/index.js';

/** What can be swept: the numbers of the settings, by their names in a report. */
export const SWEEPABLE = [
  'vcpus',
  'faultTasks',
  'workTasks',
  'pages',
  'latencyNs',
  'quickShare',
  'quickLatencyNs',
  'resolvers',
  'inFlight',
  'tickNs',
  'controlNs',
  'seed',
] as const;

/** One of {@link SWEEPABLE}. */
export type SweepableName = (typeof SWEEPABLE)[number];

/** Values of the swept parameters at one point. */
export type GridPoint = { readonly [name in SweepableName]?: number };

/** One parameter that takes several values. */
export interface SweptParameter {
  readonly parameter: SweepableName;
  /** In the order in which they were asked for, each once. */
  readonly values: readonly number[];
}

/** Most points of a sweep: more is a mistake on the command line. */
const MOST_POINTS = 1000;

/**
 * Every combination of the values.
 * @param swept - the first one changes slowest
 * @returns one point without values where nothing is swept
 * @throws FaultLabError `BAD_OPTION` for more points than anybody would wait for
 */
export function sweepPoints(swept: readonly SweptParameter[]): GridPoint[] {
  const count = swept.reduce((product, { values }) => product * values.length, 1);
  if (count > MOST_POINTS) throw new FaultLabError('BAD_OPTION', `the sweep has ${count} points; at most ${MOST_POINTS} are taken`, { hint: 'give fewer values' });
  return swept.reduce<GridPoint[]>((points, { parameter, values }) => points.flatMap((point) => values.map((value) => ({ ...point, [parameter]: value }))), [{}]);
}

/** True where both are the same point. */
export function isSamePoint(one: GridPoint, other: GridPoint): boolean {
  return SWEEPABLE.every((name) => one[name] === other[name]);
}
