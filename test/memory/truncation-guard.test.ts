import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { DaxWindow, TruncationGuard, protectionAt } from '../../lib/memory/index.js';
import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../lib/uapi/index.js';

const PAGES = 8;
const SIZE = PAGES * PAGE_SIZE;

describe('TruncationGuard', () => {
  let window: DaxWindow;
  let guard: TruncationGuard;
  beforeEach(() => {
    window = DaxWindow.create({ memfdBytes: SIZE }, SIZE);
    guard = new TruncationGuard(window);
  });
  afterEach(() => {
    window.close();
  });

  const taken = (): number => Array.from({ length: PAGES }, (_, page) => protectionAt(window.guestView.hva + BigInt(page * PAGE_SIZE))).filter((prot) => prot === PROT_NONE).length;
  const assertTaken = (from: number): void => {
    for (let page = 0; page < PAGES; page++) {
      assert.equal(protectionAt(window.guestView.hva + BigInt(page * PAGE_SIZE)), page < from ? PROT_READ | PROT_WRITE : PROT_NONE, `page ${page}`);
      assert.equal(guard.covers(page * PAGE_SIZE), page >= from);
    }
  };

  it('takes what the file does not reach, and leaves a page that it reaches in part', () => {
    assert.equal(guard.follow(), false);
    window.truncate(3 * PAGE_SIZE + 1);
    assertTaken(PAGES);
    assert.equal(guard.follow(), true);
    assertTaken(4);
    assert.equal(guard.follow(), false);
    assert.equal(window.causeOfLoss(4 * PAGE_SIZE, false), 'truncated');
  });

  it('tells what is back from what is lost', () => {
    window.truncate(0);
    guard.follow();
    window.truncate(PAGE_SIZE);
    assert.equal(window.causeOfLoss(0, false), 'protection');
    assert.equal(guard.follow(), true);
    assert.equal(window.causeOfLoss(0, false), null);
    assertTaken(1);
  });

  it('takes and gives back everything, whatever the file has', () => {
    window.truncate(PAGE_SIZE);
    guard.takeAll();
    assertTaken(0);
    guard.release();
    assertTaken(PAGES);
  });

  it('knows that another file has another mapping', () => {
    guard.takeAll();
    window.replace({ memfdBytes: PAGE_SIZE });
    assert.equal(taken(), 0);
    guard.forget();
    assert.equal(guard.follow(), true);
    assertTaken(1);
  });

  it('follows any history of a file', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: SIZE }), { maxLength: 5 }), (ends) => {
        for (const end of ends) {
          window.truncate(end);
          guard.follow();
          assertTaken(Math.ceil(end / PAGE_SIZE));
        }
      }),
      { numRuns: 10 },
    );
  });
});
