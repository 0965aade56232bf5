import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { nativeAddon } from '../../lib/native/index.js';
import { throwsCode } from './support/coded.js';

const addon = nativeAddon();

describe('native thread functions', () => {
  it('threadId is the process id on the main thread', () => {
    assert.equal(addon.threadId(), process.pid);
  });

  it('threadId differs in a Worker and is a thread of this process', async () => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      import(${JSON.stringify(new URL('../../lib/native/index.js', import.meta.url).href)})
        .then(({ nativeAddon }) => parentPort.postMessage(nativeAddon().threadId()));`;
    const worker = new Worker(source, { eval: true });
    const id = await new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject));
    assert.notEqual(id, process.pid);
    assert.ok(Number.isInteger(id) && id > 0);
    await worker.terminate();
  });

  it('monotonicNs agrees with the clock Node uses and never goes back', () => {
    const before = process.hrtime.bigint();
    const now = addon.monotonicNs();
    const after = process.hrtime.bigint();
    assert.ok(BigInt(now) >= before - 1n && BigInt(now) <= after + 1n);
    let last = 0;
    for (let i = 0; i < 10000; i++) {
      const next = addon.monotonicNs();
      assert.ok(next >= last);
      last = next;
    }
  });

  it('setAffinity keeps this thread on the CPUs named, and getAffinity tells them', () => {
    const all = addon.getAffinity();
    assert.ok(all.length > 0);
    addon.setAffinity([all[0]]);
    assert.deepEqual(addon.getAffinity(), [all[0]]);
    addon.setAffinity(all);
    assert.deepEqual(addon.getAffinity(), all);
  });

  it('setAffinity refuses no CPU, CPUs that are not there, and what is not a number', () => {
    const all = addon.getAffinity();
    throwsCode('BAD_ARGUMENT', () => { addon.setAffinity([]); });
    throwsCode('BAD_ARGUMENT', () => { addon.setAffinity([8192]); });
    throwsCode('BAD_ARGUMENT', () => { addon.setAffinity([-1]); });
    throwsCode('BAD_ARGUMENT', () => { addon.setAffinity(['0'] as never); });
    throwsCode('BAD_ARGUMENT', () => { addon.setAffinity(0 as never); });
    assert.equal(throwsCode('THREAD_EINVAL', () => { addon.setAffinity([8191]); }).syscall, 'sched_setaffinity');
    assert.deepEqual(addon.getAffinity(), all);
  });

  it('setTimerSlackNs sets the slack of this thread', () => {
    const slack = (): number => Number(readFileSync('/proc/self/timerslack_ns', 'utf8'));
    const before = slack();
    addon.setTimerSlackNs(12345);
    assert.equal(slack(), 12345);
    addon.setTimerSlackNs(before);
    throwsCode('BAD_ARGUMENT', () => { addon.setTimerSlackNs(-1); });
  });
});
