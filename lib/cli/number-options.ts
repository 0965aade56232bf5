/** Options that take a number or a duration within limits. */
import { Option } from 'commander';
import { formatDuration, parseDuration } from '../bench/index.js';
import { FaultLabError } from '../errors/index.js';

/** An option that takes a whole number from `least` to `most`. */
export function counted(flags: string, description: string, least: number, most: number, initial?: number): Option {
  const name = flags.split(' ')[0];
  const option = new Option(flags, description).argParser((text: string) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new FaultLabError('BAD_OPTION', `${name} must be a whole number from ${least} to ${most}, not '${text}'`);
  });
  return initial === undefined ? option : option.default(initial);
}

/** An option that takes a duration from `leastNs` to `mostNs`. */
export function timed(flags: string, description: string, leastNs: number, mostNs: number, initialNs: number): Option {
  const name = flags.split(' ')[0];
  return new Option(flags, description)
    .argParser((text: string) => {
      const ns = parseDuration(text, name);
      if (ns >= leastNs && ns <= mostNs) return ns;
      throw new FaultLabError('BAD_OPTION', `${name} must be from ${formatDuration(leastNs)} to ${formatDuration(mostNs)}, not ${text}`);
    })
    .default(initialNs, formatDuration(initialNs));
}
