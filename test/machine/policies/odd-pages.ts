/** A policy of a user's own: waits for odd pages; or throws, or answers nonsense, as its options say. */
import { Resolution, type FaultFacts, type FaultPolicy } from '../../../lib/faults/index.js';

export interface OddPagesOptions {
  readonly misbehave?: 'throw' | 'nonsense';
}

export function openFaultPolicy(options: unknown): FaultPolicy {
  const { misbehave } = (options ?? {}) as OddPagesOptions;
  return {
    decide: ({ page }: Readonly<FaultFacts>): Resolution => {
      if (misbehave === 'throw') throw new Error('no idea');
      if (misbehave === 'nonsense') return 7 as Resolution;
      return page % 2 === 1 ? Resolution.SYNC : Resolution.ASYNC;
    },
  };
}
