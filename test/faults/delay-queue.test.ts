import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { DelayQueue } from '../../lib/faults/index.js';

describe('DelayQueue', () => {
  it('gives requests back in order of their due time, each once, none before it is due', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { maxLength: 200 }), (requests) => {
        const queue = new DelayQueue(Math.max(1, requests.length));
        requests.forEach(([dueNs, page], tag) => assert(queue.push(dueNs, page, tag)));
        const seen: number[] = [];
        for (let nowNs = 0; nowNs <= 1000; nowNs += 100) {
          while (queue.pop(nowNs)) {
            const [dueNs, page] = requests[queue.tag];
            assert(dueNs <= nowNs, 'served before it was due');
            assert.equal(queue.page, page);
            seen.push(queue.tag);
          }
          assert(queue.nextDueNs > nowNs, 'something due was left behind');
        }
        assert.equal(queue.size, 0);
        assert.deepEqual([...seen].sort((a, b) => a - b), requests.map((_, tag) => tag));
        const times = seen.map((tag) => requests[tag][0]);
        assert.deepEqual(times, [...times].sort((a, b) => a - b));
      }),
    );
  });

  it('refuses a request beyond its capacity and keeps the others', () => {
    const queue = new DelayQueue(2);
    assert(queue.push(2, 20, 0));
    assert(queue.push(1, 10, 1));
    assert.equal(queue.push(0, 30, 2), false);
    assert(queue.pop(5));
    assert.equal(queue.page, 10);
    assert(queue.pop(5));
    assert.equal(queue.page, 20);
    assert.equal(queue.pop(5), false);
  });
});
