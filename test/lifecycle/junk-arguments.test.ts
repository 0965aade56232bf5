import assert from 'node:assert/strict';
import { describeEnd, runChild } from './support/child.js';

const CALLS = 30_000;

describe('calls with junk arguments', function () {
  this.timeout(30_000);

  for (const seed of [1, 2, 3]) {
    it(`throw coded errors and never end the process: seed ${seed}`, async () => {
      const ended = await runChild('junk', [String(seed), String(CALLS)]);
      assert.equal(ended.code, 0, describeEnd(ended));
      const counts = JSON.parse(ended.stdout) as Record<string, number>;
      assert.equal(Object.values(counts).reduce((sum, count) => sum + count, 0), CALLS);
      for (const code of ['returned', 'BAD_ARGUMENT', 'HANDLE_CLOSED', 'BAD_SHARE', 'TypeError']) assert.ok(counts[code] > 0, `${code} never happened: ${ended.stdout}`);
    });
  }
});
