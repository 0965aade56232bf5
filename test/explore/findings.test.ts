import assert from 'node:assert/strict';
import { FINDINGS, findingsOn, lookFor, RACE_NAMES, renderTrace } from '../../lib/explore/index.js';

describe('a finding on the proposals', () => {
  for (const finding of FINDINGS) {
    it(`${finding.expected === null ? 'holds in every state' : `has a trace of ${finding.expected}`}: ${finding.id}`, () => {
      const { holds, exploration } = lookFor(finding);
      const { counterexample, complete } = exploration;
      assert.ok(holds, counterexample === undefined ? `nothing was found; complete: ${complete}` : `\n${renderTrace(counterexample)}`);
    });
  }

  it('on the cleared bit has the race itself in its trace', () => {
    const traces = FINDINGS.filter(({ id }) => id.startsWith('cleared-after-check')).map((finding) => lookFor(finding).exploration.counterexample);
    assert.ok(traces.length > 0);
    for (const trace of traces) assert.ok(trace?.races.includes(RACE_NAMES.CLEARED_AFTER_CHECK), trace?.detail);
  });

  it('has a name of its own, and there are some on each question that exploration can answer', () => {
    assert.equal(new Set(FINDINGS.map(({ id }) => id)).size, FINDINGS.length);
    for (const question of ['q2', 'q3', 'q4', 'q6', 'q7', 'q14']) assert.ok(findingsOn(question).length > 0, question);
    assert.deepEqual(findingsOn('q99'), []);
  });
});
