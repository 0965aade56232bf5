/** Which CPUs the machine's threads are bound to. */
import { FaultLabError } from '../errors/index.js';
import type { Placement } from '../machine/index.js';
import { nativeAddon } from '../native/index.js';

/** What `--pin` takes, for help and hints. */
export const PIN_FORMS = 'auto, none, or CPUs: 0,2,4-7';
const HIGHEST_CPU = 4095;

/**
 * CPUs that threads are dealt out to, vCPUs first, then resolvers, one CPU each and from the first one again when there are no more.
 * @param pin - as `--pin` takes it
 * @returns null: threads are not bound
 * @throws FaultLabError `BAD_OPTION`
 */
export function parsePin(pin: string): readonly number[] | null {
  if (pin === 'none') return null;
  const allowed = nativeAddon().getAffinity();
  if (pin === 'auto') return allowed;
  const cpus = pin.split(',').flatMap(parseRange);
  const absent = cpus.find((cpu) => !allowed.includes(cpu));
  if (absent !== undefined) throw new FaultLabError('BAD_OPTION', `--pin: this process may not use CPU ${absent}`, { hint: `it may use ${allowed.join(', ')}` });
  return cpus;
}

/** One CPU for each thread. */
export function placeThreads(cpus: readonly number[], vcpus: number, resolvers: number): Placement {
  const cpu = (thread: number): readonly number[] => [cpus[thread % cpus.length]];
  return {
    vcpus: Array.from({ length: vcpus }, (_, index) => cpu(index)),
    resolvers: Array.from({ length: resolvers }, (_, index) => cpu(vcpus + index)),
  };
}

function parseRange(text: string): number[] {
  const match = /^\s*(\d{1,4})(?:-(\d{1,4}))?\s*$/.exec(text);
  const first = match === null ? NaN : Number(match[1]);
  const last = match?.[2] === undefined ? first : Number(match[2]);
  if (!(first <= last && last <= HIGHEST_CPU)) throw new FaultLabError('BAD_OPTION', `--pin takes ${PIN_FORMS}; '${text}' is none of them`);
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}
