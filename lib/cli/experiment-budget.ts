/** `--budget`: the time that experiments may take. */
import { parseDuration } from '../bench/index.js';
import { FaultLabError } from '../errors/index.js';
import { LEAST_BUDGET_MS, MOST_BUDGET_MS } from '../experiments/index.js';

/**
 * Reads a time, minutes as well; ms.
 * @throws FaultLabError `BAD_OPTION`
 */
export function parseBudget(text: string): number {
  const minutes = /^\s*(\d+(?:\.\d+)?)\s*min$/.exec(text);
  const ms = minutes === null ? parseDuration(text, '--budget') / 1e6 : Number(minutes[1]) * 60_000;
  if (ms >= LEAST_BUDGET_MS && ms <= MOST_BUDGET_MS) return ms;
  throw new FaultLabError('BAD_OPTION', `--budget must be from ${LEAST_BUDGET_MS / 1000} s to ${MOST_BUDGET_MS / 1000} s, not ${text}`);
}
