/**
 * Bounded parallelism of a source: so many fetches at once, each taking its own latency; a request that finds them all taken waits for the one that
 * ends first, in the order in which they were asked for.
 */

/** See the module's comment. One for each resolver Worker; allocation-free once built. */
export class FetchSlots {
  /** When each fetch ends that has been started, ns. */
  private readonly endNs: Float64Array;

  /** @param count - fetches at once; 0: no limit */
  constructor(count: number) {
    this.endNs = new Float64Array(count);
  }

  /**
   * Takes the slot that is free first.
   * @param nowNs - when the page was asked for
   * @param latencyNs - of the fetch alone
   * @returns when the page is there, ns
   */
  take(nowNs: number, latencyNs: number): number {
    const { endNs } = this;
    if (endNs.length === 0) return nowNs + latencyNs;
    let first = 0;
    for (let slot = 1; slot < endNs.length; slot++) {
      if (endNs[slot] < endNs[first]) first = slot;
    }
    endNs[first] = Math.max(nowNs, endNs[first]) + latencyNs;
    return endNs[first];
  }
}
