/**
 * A guest that goes on from a snapshot: its pages come from an image in the order in which somebody once asked for them (a trace), on demand, or fetched ahead
 * from that same trace, as REAP (Ustiugov et al., ASPLOS 2021) does.
 */
import { randomWords } from '../random.js';
import type { RowChoice, Workload, WorkloadRow } from './workload.js';

/** Pages of one stretch of a made trace: working sets of snapshots are many short stretches. */
const LONGEST_STRETCH = 4;
/** Of the image, how much a made trace visits where nobody says how many pages. */
const WORKING_SET_SHARE = 0.1;

/** See the module's comment. */
export const restore: Workload = {
  summary: 'a guest goes on from a snapshot: pages of an image in the order of a trace, on demand or fetched ahead',
  rowsAre: 'delivery modes; with --prefetch each again with the pages of the trace fetched ahead',
  defaults: {},
  rows,
  order: madeTrace,
};

function rows({ settings, modes }: RowChoice): WorkloadRow[] {
  return modes.flatMap((mode): WorkloadRow[] => [{ name: mode, mode }, ...(settings.prefetch ? [{ name: `${mode} ahead`, mode, prefetch: true }] : [])]);
}

/** Pages that a made trace visits of an image of so many, where nobody says. */
export function workingSetPages(pageCount: number): number {
  return Math.max(1, Math.round(pageCount * WORKING_SET_SHARE));
}

/**
 * A trace for want of a recorded one: short stretches of neighbouring pages, scattered over the image.
 * @param visited - pages in all
 */
function madeTrace(pageCount: number, visited: number, seed: number): Uint32Array {
  const words = randomWords(seed);
  const below = (limit: number): number => (words() >>> 0) % limit;
  const seen = new Uint8Array(pageCount);
  const trace = new Uint32Array(visited);
  for (let count = 0; count < visited; ) {
    let page = below(pageCount);
    // The next one that is free: a trace of all pages comes to its end too.
    while (seen[page] === 1) page = (page + 1) % pageCount;
    for (let left = 1 + below(LONGEST_STRETCH); left > 0 && count < visited && page < pageCount && seen[page] === 0; left--, page++) {
      seen[page] = 1;
      trace[count++] = page;
    }
  }
  return trace;
}
