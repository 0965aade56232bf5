/** What the tests of exploration share. */
import assert from 'node:assert/strict';
import { renderTrace, type Exploration } from '../../lib/explore/index.js';

/** Fails with the whole trace where there is a counterexample. */
export function assertNothingFound({ counterexample }: Pick<Exploration, 'counterexample'>): void {
  if (counterexample !== undefined) assert.fail(`\n${renderTrace(counterexample)}`);
}
