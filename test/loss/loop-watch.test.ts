import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { LoopWatch, SUSPICIOUS_FAULTS } from '../../lib/loss/index.js';

const RIP = 0x1000;

describe('LoopWatch', () => {
  /** Exits, a fault each, until the watch has the lost part protected; returns the count of faults. */
  function armed(watch: LoopWatch, from = 0): number {
    for (let faults = from; faults < from + 100; faults++) if (watch.exit(faults, true)) return faults;
    assert.fail('100 faults, and no suspicion');
  }

  it('does not mind faults while the whole window is there', () => {
    const watch = new LoopWatch();
    for (let faults = 0; faults < 1000; faults++) assert.equal(watch.exit(faults, false), false);
  });

  it('does not mind a lost part that nobody comes to', () => {
    const watch = new LoopWatch();
    for (let exits = 0; exits < 1000; exits++) assert.equal(watch.exit(7, true), false);
  });

  it('counts from the first exit with a lost part on', () => {
    const watch = new LoopWatch();
    watch.exit(1000, false);
    assert.equal(watch.exit(2000, true), false);
    assert.equal(armed(watch, 2000), 2000 + SUSPICIOUS_FAULTS);
  });

  it('names a loop when the same instruction comes for the same page again', () => {
    const watch = new LoopWatch();
    const faults = armed(watch);
    assert.deepEqual(watch.refused(5, RIP, faults + 1), { kind: 'let go' });
    assert.equal(watch.exit(faults + 1, true), false, 'a turn is given');
    assert.equal(watch.exit(faults + 2, true), true);
    assert.deepEqual(watch.refused(5, RIP, faults + 3), { kind: 'loop', gfn: 5, turns: faults + 3 });
    assert.equal(watch.exit(faults + 3, true), true, 'the part stays protected');
    assert.deepEqual(watch.refused(6, RIP, faults + 4), { kind: 'lost' });
  });

  it('sees no loop in an instruction of another task, nor in another page, nor without a fault in between', () => {
    const watch = new LoopWatch();
    const faults = armed(watch);
    assert.equal(watch.refused(5, RIP, faults + 1).kind, 'let go');
    assert.equal(watch.refused(5, RIP + 8, faults + 2).kind, 'let go');
    assert.equal(watch.refused(6, RIP + 8, faults + 3).kind, 'let go');
    assert.equal(watch.refused(6, RIP + 8, faults + 3).kind, 'let go');
  });

  it('finds the loops of several tasks, which come in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 20, maxLength: 60 }), (order) => {
        const watch = new LoopWatch();
        let faults = armed(watch);
        const seen = new Set<number>();
        for (const task of order) {
          faults++;
          const verdict = watch.refused(task, RIP + task, faults);
          if (seen.has(task)) {
            assert.deepEqual(verdict, { kind: 'loop', gfn: task, turns: faults });
            return;
          }
          assert.equal(verdict.kind, 'let go');
          seen.add(task);
          faults++;
          assert.equal(watch.exit(faults, true), true);
        }
        assert.fail('six tasks, twenty accesses, and no loop');
      }),
    );
  });

  it('begins anew when the file is whole again', () => {
    const watch = new LoopWatch();
    const faults = armed(watch);
    watch.refused(5, RIP, faults + 1);
    assert.equal(watch.exit(faults + 2, false), false);
    assert.equal(armed(watch, faults + 3), faults + 3 + SUSPICIOUS_FAULTS);
    assert.equal(watch.refused(5, RIP, faults + 20).kind, 'let go');
  });
});
