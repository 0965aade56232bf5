/** What people call a point of a sweep, and a row there. */
import { formatDuration } from './duration.js';
import { SWEEPABLE, type GridPoint, type SweepableName } from './sweep.js';

const WORDS: Readonly<Record<SweepableName, (value: number) => string>> = {
  vcpus: (value) => plural(value, 'vCPU'),
  faultTasks: (value) => plural(value, 'fault task'),
  workTasks: (value) => plural(value, 'work task'),
  pages: (value) => plural(value, 'page'),
  latencyNs: (value) => `latency ${formatDuration(value)}`,
  quickShare: (value) => `${(value * 100).toFixed(0)} % quick`,
  quickLatencyNs: (value) => `quick latency ${formatDuration(value)}`,
  resolvers: (value) => plural(value, 'resolver'),
  inFlight: (value) => (value === 0 ? 'no limit in flight' : `${value} in flight`),
  tickNs: (value) => `tick ${formatDuration(value)}`,
  controlNs: (value) => `control ${formatDuration(value)}`,
  seed: (value) => `seed ${value}`,
};

/** `2 vCPUs, latency 30.0 us`; empty where nothing is swept. */
export function pointTitle(point: GridPoint): string {
  return SWEEPABLE.flatMap((name) => {
    const value = point[name];
    return value === undefined ? [] : [WORDS[name](value)];
  }).join(', ');
}

/** `apf-user, 2 vCPUs`; the name alone where nothing is swept. */
export function rowTitle(name: string, point: GridPoint): string {
  return [name, pointTitle(point)].filter((part) => part !== '').join(', ');
}

function plural(value: number, what: string): string {
  return `${value} ${what}${value === 1 ? '' : 's'}`;
}
