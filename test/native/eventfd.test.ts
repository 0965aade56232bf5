import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import { throwsCode } from './support/coded.js';

const { EventFd, monotonicNs } = nativeAddon();

describe('native EventFd', () => {
  it('hands over the sum of what was signalled, once', () => {
    const event = new EventFd();
    event.signal();
    event.signal(41);
    assert.equal(event.wait(0), 42);
    assert.equal(event.wait(0), 0);
    event.close();
  });

  it('returns 0 when the time is up, and not before', () => {
    const event = new EventFd();
    const start = monotonicNs();
    assert.equal(event.wait(20e6), 0);
    assert.ok(monotonicNs() - start >= 20e6);
    event.close();
  });

  it('a counter that cannot take more throws EVENTFD_EAGAIN and keeps its count', () => {
    const event = new EventFd();
    const largest = Number.MAX_SAFE_INTEGER;
    let signals = 0;
    const error = throwsCode('EVENTFD_EAGAIN', () => {
      for (; signals < 3000; signals++) event.signal(largest);
    });
    assert.equal(error.syscall, 'write');
    assert.equal(signals, 2048, 'the counter holds 2 ** 64 - 2');
    assert.ok(event.wait(0) > largest);
    event.close();
  });

  it('counts are positive whole numbers', () => {
    const event = new EventFd();
    for (const count of [0, -1, 1.5, NaN, '1', 1n, null]) throwsCode('BAD_ARGUMENT', () => { event.signal(count as never); });
    assert.equal(event.wait(0), 0);
    event.close();
  });
});
