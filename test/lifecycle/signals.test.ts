import assert from 'node:assert/strict';
import { describeEnd, runChild } from './support/child.js';

describe('signals after a guarded copy', function () {
  this.timeout(30_000);

  for (const [name, signal] of [
    ['sent SIGSEGV', 'SIGSEGV'],
    ['sent SIGBUS', 'SIGBUS'],
    ['sent SIGBUS after a Worker unloaded the addon', 'SIGBUS'],
  ] as const) {
    it(`a signal that is not the copy's still ends the process: ${name}`, async () => {
      const ended = await runChild('signals', [name]);
      assert.equal(ended.signal, signal, describeEnd(ended));
    });
  }

  for (const [name, printed] of [
    ['sent SIGBUS with a listener', 'seen'],
    ['SIGSEGV taken over', 'MAPPING_SIGSEGV,MAPPING_SIGSEGV,MAPPING_SIGSEGV'],
    ['taken over too often', 'MAPPING_SIGSEGV,GUARD_DISPLACED'],
    ['WebAssembly trap after a Worker unloaded the addon', 'RuntimeError'],
  ] as const) {
    it(`handlers share the signals: ${name}`, async () => {
      const ended = await runChild('signals', [name]);
      assert.equal(ended.code, 0, describeEnd(ended));
      assert.equal(ended.stdout, printed);
    });
  }
});
