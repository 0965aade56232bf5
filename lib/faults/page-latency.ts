/**
 * How long a page takes to come, as a network or a disk would have it: the same for all, spread as a model says, or two speeds, where some pages are at hand
 * and the others far away. What a page gets depends on the page and a seed alone, so that every Worker and every run agrees.
 */
import { CONSTANT, longestOf, sampleLatency, type LatencyModel } from './latency-model.js';

/** Pages that come sooner than the others. */
export interface QuickPages {
  /** Share of the pages, 0 to 1. */
  readonly share: number;
  /** Their latency, ns. */
  readonly latencyNs: number;
  /** Another one makes other pages quick. */
  readonly seed: number;
}

/** {@link PageLatency.classOf} of a page that takes the full latency. */
export const SLOW_CLASS = 0;
/** {@link PageLatency.classOf} of a quick page. */
export const QUICK_CLASS = 1;

const TWO_32 = 0x1_0000_0000;
/** Keeps a page's latency apart from whether it is quick. */
const SPREAD_SEED = 0x5eed;

/** See the module's comment. */
export class PageLatency {
  private readonly quickBelow: number;

  /**
   * @param latencyNs - of a page that is not quick; the mean where the model has one
   * @param quick - undefined where all pages are alike
   * @param model - how latencies of pages that are not quick are spread
   */
  constructor(
    private readonly latencyNs: number,
    private readonly quick?: QuickPages,
    private readonly model: LatencyModel = CONSTANT,
  ) {
    this.quickBelow = (quick?.share ?? 0) * TWO_32;
  }

  /** Class of the page's source. */
  classOf(page: number): number {
    if (this.quick === undefined) return SLOW_CLASS;
    return mix(page, this.quick.seed) < this.quickBelow ? QUICK_CLASS : SLOW_CLASS;
  }

  /** Latency of a request for the page, ns. */
  of(page: number): number {
    if (this.quick !== undefined && this.classOf(page) === QUICK_CLASS) return this.quick.latencyNs;
    if (this.model.kind === 'constant') return this.latencyNs;
    return sampleLatency(this.model, this.latencyNs, mix(page, SPREAD_SEED) / TWO_32);
  }

  /** Of all that a page can have, ns. */
  get longestNs(): number {
    return Math.max(longestOf(this.model, this.latencyNs), this.quick?.latencyNs ?? 0);
  }
}

/** A 32-bit number that looks random: the finalizer of MurmurHash3 over page and seed. */
function mix(page: number, seed: number): number {
  let hash = (page ^ Math.imul(seed, 0x9e37_79b9)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
