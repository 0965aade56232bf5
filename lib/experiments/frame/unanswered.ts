/** Outcomes without an answer. */
import type { Outcome } from './report.js';

/** An outcome that says why there is no answer. */
export function unanswered(why: string, rest: Partial<Omit<Outcome, 'finding'>> = {}): Outcome {
  return { finding: { answered: false, why }, changedBy: [], notReproduced: [], tables: [], plots: [], ...rest };
}
