import assert from 'node:assert/strict';
import { FINDINGS, findingsOn, lookFor, renderTrace } from '../../lib/explore/index.js';

describe('a finding on the proposals', () => {
  for (const finding of FINDINGS) {
    it(`${finding.expected === null ? 'holds in every state' : `has a trace of ${finding.expected}`}: ${finding.id}`, () => {
      const { holds, exploration } = lookFor(finding);
      const { counterexample, complete } = exploration;
      assert.ok(holds, counterexample === undefined ? `nothing was found; complete: ${complete}` : `\n${renderTrace(counterexample)}`);
    });
  }

  it('has a name of its own, and there are some on each question that exploration can answer', () => {
    assert.equal(new Set(FINDINGS.map(({ id }) => id)).size, FINDINGS.length);
    for (const question of ['q2', 'q3', 'q4', 'q6', 'q7', 'q14']) assert.ok(findingsOn(question).length > 0, question);
    assert.deepEqual(findingsOn('q99'), []);
  });
});
