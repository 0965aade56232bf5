import type { ConformanceCase } from '../../case.js';
export const syncAsyncTwoBitCases: readonly ConformanceCase[] = [];
