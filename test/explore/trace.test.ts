import assert from 'node:assert/strict';
import { explore, FINDINGS, lookFor, mistakesOf, renderTrace, replay, World, type Trace } from '../../lib/explore/index.js';
import { UAPI_NAMES } from '../../lib/uapi/proposals/index.js';

function allTraces(): Trace[] {
  const traces = [
    ...UAPI_NAMES.flatMap(mistakesOf).map(({ config }) => explore(new World(config)).counterexample),
    ...FINDINGS.map((finding) => lookFor(finding).exploration.counterexample),
  ];
  return traces.filter((trace) => trace !== undefined);
}

describe('trace', () => {
  it('is plain ASCII below 78 columns, and has a number for every step', () => {
    const traces = allTraces();
    assert.ok(traces.length > 30);
    for (const trace of traces) {
      const text = renderTrace(trace);
      assert.match(text, /^[\x20-\x7e\n]+$/);
      for (const line of text.split('\n')) assert.ok(line.length < 78, `${line.length} columns: ${line}`);
      for (let step = 1; step <= trace.steps.length; step++) assert.match(text, new RegExp(`^ *${step}  \\S`, 'm'));
      assert.doesNotMatch(text, / $/m);
    }
  });

  it('wraps what is longer than a column and keeps all of it', () => {
    const long = 'a'.repeat(100);
    const text = renderTrace({ uapi: 'stock', invariant: 'task-stuck', detail: 'x '.repeat(100).trim(), races: [], path: [], steps: [{ who: 'KVM', what: long, state: 'g0:i--' }] });
    assert.equal(text.match(/a+/g)?.filter((run) => run.length > 3).join('').length, 100);
    for (const line of text.split('\n')) assert.ok(line.length < 78, line);
  });

  it('is the same when its actions are taken again', () => {
    const world = new World(mistakesOf('async-pf-userfault-2026')[0].config);
    const { counterexample } = explore(world);
    assert.ok(counterexample);
    assert.deepEqual(replay(world, counterexample.path, counterexample), counterexample);
    assert.equal(world.violation?.invariant, counterexample.invariant);
  });
});
