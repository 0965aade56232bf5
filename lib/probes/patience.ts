/** How long probes wait: an emulated CPU is slow, not wrong. */
import { readHost } from '../kvm/index.js';

const EMULATED_FACTOR = 10;

/** A time limit, in any unit, as long as this host needs it. */
export function patience(limit: number): number {
  factor ??= readHost().emulated ? EMULATED_FACTOR : 1;
  return limit * factor;
}

let factor: number | undefined;
