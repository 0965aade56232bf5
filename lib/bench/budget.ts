/** What a bench may take, shared out over what is still to be done. */

/** See the module's comment. Times are CLOCK_MONOTONIC, ms. */
export class Budget {
  private readonly endMs: number;

  /** @param totalNs - null: no limit */
  constructor(
    private readonly totalNs: number | null,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.endMs = totalNs === null ? Infinity : nowMs() + totalNs / 1e6;
  }

  get limited(): boolean {
    return this.totalNs !== null;
  }

  /** Left from now on, ms; not below 0, Infinity where there is no limit. */
  get leftMs(): number {
    return Math.max(0, this.endMs - this.nowMs());
  }

  /** Of what is left, the share of one of `parts` equal parts, ms. */
  shareMs(parts: number): number {
    return this.leftMs / Math.max(1, parts);
  }
}
