/** How the latencies of page requests are spread. */

/**
 * - `constant`: all the same.
 * - `exponential`: around a mean, as waits in a queue are; the longest is {@link LONGEST_MEANS} means.
 * - `recorded`: drawn from latencies that somebody measured, ascending, ns, each as likely as the others.
 */
export type LatencyModel = { readonly kind: 'constant' } | { readonly kind: 'exponential' } | { readonly kind: 'recorded'; readonly ascendingNs: Float64Array };

/** The model of a source that is always equally fast. */
export const CONSTANT: LatencyModel = { kind: 'constant' };

/** Where the exponential distribution is cut: one in a billion is beyond it. */
export const LONGEST_MEANS = 20;

/**
 * One latency.
 * @param meanNs - of the exponential model, and the latency of the constant one
 * @param share - 0 to below 1: which of the distribution's latencies
 */
export function sampleLatency(model: LatencyModel, meanNs: number, share: number): number {
  switch (model.kind) {
    case 'constant':
      return meanNs;
    case 'exponential':
      return Math.round(meanNs * Math.min(LONGEST_MEANS, -Math.log1p(-share)));
    case 'recorded':
      return model.ascendingNs[Math.floor(share * model.ascendingNs.length)];
  }
}

/** The longest latency that a model gives, ns. */
export function longestOf(model: LatencyModel, meanNs: number): number {
  switch (model.kind) {
    case 'constant':
      return meanNs;
    case 'exponential':
      return meanNs * LONGEST_MEANS;
    case 'recorded':
      return model.ascendingNs[model.ascendingNs.length - 1];
  }
}
