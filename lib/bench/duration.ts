/** Durations as people write them. */
import { FaultLabError } from '../errors/index.js';

const UNIT_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, 'µs': 1e3, ms: 1e6, s: 1e9 };

/**
 * Reads `1ms`, `200us`, `1.5 s`, or `0`.
 * @param text - a number with a unit; 0 needs none
 * @param what - for the message: `--latency`
 * @returns whole ns
 * @throws FaultLabError `BAD_OPTION`
 */
export function parseDuration(text: string, what: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s)?\s*$/.exec(text);
  const value = match === null ? NaN : Number(match[1]);
  const unit = match?.[2];
  if (match === null || (unit === undefined && value !== 0)) {
    throw new FaultLabError('BAD_OPTION', `${what} must be a duration such as 200us, 1ms or 0, not '${text}'`);
  }
  return Math.round(value * (unit === undefined ? 0 : UNIT_NS[unit]));
}

/** Writes a duration with the unit that leaves one to three digits before the point. */
export function formatDuration(ns: number): string {
  if (ns === 0) return '0';
  const [divisor, unit] = ns < 1e3 ? [1, 'ns'] : ns < 1e6 ? [1e3, 'us'] : ns < 1e9 ? [1e6, 'ms'] : [1e9, 's'];
  const value = ns / divisor;
  const digits = unit === 'ns' ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}
