import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { BUS_MCEERR_AO } from '../../lib/uapi/index.js';
import { requireMemoryFailure, requireUffdPoison } from '../poison/support.js';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { describeEnd, runChild } from './support/child.js';

const EARLY_KILL = '/proc/sys/vm/memory_failure_early_kill';

describe('SIGBUS in a process whose vCPU met poisoned memory', function () {
  this.timeout(30_000);

  before(function () {
    requireKvm(this);
  });

  describe('poisoned by userfaultfd', () => {
    before(function () {
      requireUffdPoison(this);
    });

    it('sent by somebody ends the process as it always did', async () => {
      const ended = await runChild('poison-signals', ['sent SIGBUS']);
      assert.equal(ended.signal, 'SIGBUS', describeEnd(ended));
    });

    it('sent by somebody reaches the listener of the program', async () => {
      const ended = await runChild('poison-signals', ['sent SIGBUS with a listener']);
      assert.equal(ended.stdout, 'seen', describeEnd(ended));
    });

    it('is a result of run() again after the program has taken the signal over', async () => {
      const ended = await runChild('poison-signals', ['taken over']);
      assert.equal(ended.stdout, 'memoryFailure,memoryFailure', describeEnd(ended));
      noteKvmUse();
    });
  });

  describe('poisoned for good', () => {
    before(function () {
      requireMemoryFailure(this);
    });

    it('ends the process at an access of JavaScript: it neither goes on with wrong contents nor repeats the access for ever', async () => {
      const ended = await runChild('poison-signals', ['poison under a view']);
      assert.equal(ended.signal, 'SIGBUS', describeEnd(ended));
    });

    it('before anybody accessed it, told to a thread in KVM_RUN: is a result of run() that says so', async () => {
      writeFileSync(EARLY_KILL, '1');
      try {
        const ended = await runChild('poison-signals', ['told early']);
        assert.equal(ended.stdout, JSON.stringify({ code: BUS_MCEERR_AO, hva: 0x8000, lsb: 12 }), describeEnd(ended));
        noteKvmUse();
      } finally {
        writeFileSync(EARLY_KILL, '0');
      }
    });
  });
});
