/** The fetch latencies that the mailing list speaks of, and how many pages a run visits at each. */

/** From a page that is at hand to one across a slow network, ns. */
export const FETCH_LATENCIES_NS = [0, 10e3, 30e3, 100e3, 1e6, 10e6] as const;

/** A run is to last about this long where its vCPU waits for every page. */
const RUN_NS = 120e6;
/** What a page takes besides its fetch, on a slow host. */
const OVERHEAD_NS = 150e3;
const LEAST_PAGES = 16;
const MOST_PAGES = 512;

/**
 * Pages of a run.
 * @param meanFetchNs - of the pages, where they differ
 */
export function pagesFor(meanFetchNs: number): number {
  return Math.max(LEAST_PAGES, Math.min(MOST_PAGES, Math.round(RUN_NS / (meanFetchNs + OVERHEAD_NS))));
}
