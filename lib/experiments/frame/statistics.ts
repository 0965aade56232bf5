/** Statistics of few, noisy samples: the bench's own. */
export { crossing, differsFromOne, estimate, estimateRatio, isNoise, median, quantile, runsShare, shareInterval, type Crossing, type Estimate, type SweepPoint } from '../../bench/index.js';
