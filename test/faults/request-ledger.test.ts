import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RequestLedger } from '../../lib/faults/index.js';

const PATIENCE = 10;
const PAGES = 4;

describe('RequestLedger', () => {
  it('takes the first answer in time that names the page, and no other', () => {
    const ledger = new RequestLedger(PATIENCE);
    const request = ledger.ask(3, 100);
    assert.deepEqual(request, { id: 1, page: 3, deadline: 110 });
    assert.equal(ledger.ask(3, 101), null);
    assert.equal(ledger.answer(1, 2, 105), 'wrong-page');
    assert.equal(ledger.answer(2, 3, 105), 'unasked');
    assert.equal(ledger.answer(1, 3, 109), 'due');
    assert.equal(ledger.answer(1, 3, 109), 'repeated');
    assert.equal(ledger.open, 0);
  });

  it('says once that a time is over, and drops the answer that comes then', () => {
    const ledger = new RequestLedger(PATIENCE);
    ledger.ask(0, 0);
    ledger.ask(1, 5);
    assert.equal(ledger.nextDeadline, 10);
    assert.deepEqual(ledger.expire(9), []);
    assert.equal(ledger.answer(1, 0, 10), 'late', 'before anybody looked');
    assert.deepEqual(ledger.expire(10).map(({ page }) => page), [0]);
    assert.equal(ledger.answer(1, 0, 11), 'late');
    assert.equal(ledger.nextDeadline, 15);
    assert.deepEqual(ledger.expire(99).map(({ page }) => page), [1]);
    assert.deepEqual(ledger.expire(99), []);
    assert.equal(ledger.nextDeadline, Infinity);
  });

  it('knows ids that were never given, and forgets no open request however many came before', () => {
    const ledger = new RequestLedger(PATIENCE);
    for (const id of [0, -1, 0.5, NaN, Infinity, 1]) assert.equal(ledger.answer(id, 0, 0), 'unasked');
    const open = ledger.ask(0, 0);
    assert(open !== null);
    for (let i = 0; i < 5000; i++) {
      const request = ledger.ask(1, 0);
      assert(request !== null && ledger.answer(request.id, 1, 0) === 'due');
    }
    assert.equal(ledger.answer(open.id, 0, 0), 'due');
    assert.throws(() => new RequestLedger(0), RangeError);
  });

  /** One step of a world in which anything may happen. */
  const step = fc.oneof(
    fc.record({ kind: fc.constant('ask' as const), page: fc.nat(PAGES - 1) }),
    fc.record({ kind: fc.constant('answer' as const), id: fc.integer({ min: -1, max: 30 }), page: fc.nat(PAGES - 1) }),
    fc.record({ kind: fc.constant('wait' as const), time: fc.nat(PATIENCE + 2) }),
    fc.record({ kind: fc.constant('expire' as const) }),
  );

  it('settles each request once, by its own page or by its time, whatever is answered', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ledger = new RequestLedger(PATIENCE);
        const asked = new Map<number, { page: number; at: number; settled: 'due' | 'expired' | null }>();
        const openOf = (page: number): number[] => [...asked].filter(([, request]) => request.page === page && request.settled === null).map(([id]) => id);
        let now = 0;
        const expire = (): void => {
          for (const { id, page } of ledger.expire(now)) {
            const request = asked.get(id);
            assert(request !== undefined && request.page === page && request.settled === null && request.at + PATIENCE <= now);
            request.settled = 'expired';
          }
          for (const { at, settled } of asked.values()) assert(settled !== null || at + PATIENCE > now, 'a request outlived its time');
        };
        for (const action of steps) {
          if (action.kind === 'wait') now += action.time;
          else if (action.kind === 'expire') expire();
          else if (action.kind === 'ask') {
            const before = openOf(action.page);
            const request = ledger.ask(action.page, now);
            assert.equal(request === null, before.length === 1);
            if (request !== null) {
              assert(!asked.has(request.id), 'an id was given twice');
              asked.set(request.id, { page: action.page, at: now, settled: null });
            }
          } else {
            const request = asked.get(action.id);
            const verdict = ledger.answer(action.id, action.page, now);
            const inTime = request !== undefined && now < request.at + PATIENCE;
            const expected = request === undefined ? 'unasked' : request.settled === 'due' ? 'repeated' : request.settled === 'expired' || !inTime ? 'late' : request.page === action.page ? 'due' : 'wrong-page';
            assert.equal(verdict, expected);
            if (verdict === 'due' && request !== undefined) request.settled = 'due';
          }
          for (let page = 0; page < PAGES; page++) assert.equal(ledger.isOpen(page), openOf(page).length === 1);
        }
        now += PATIENCE;
        expire();
        assert.equal(ledger.open, 0);
      }),
    );
  });
});
