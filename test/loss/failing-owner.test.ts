/** Pages that come from an owner who fails: every other page is right, and each task that waits for a page gets an error. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Kvm } from '../../lib/kvm/index.js';
import { LossGuest, SupervisedPages, WorkerPageOwner, lossReport, windowAddress, type AccessOutcome, type PageOwner, type SupervisionCounters, type TaskProgram } from '../../lib/loss/index.js';
import { DaxWindow } from '../../lib/memory/index.js';
import { PAGE_SIZE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { SLOWNESS, patience } from '../support/slowness.js';
import { contentsOf, type Behaviour, type UnreliableOptions } from './owners/unreliable.js';

const PAGES = 12;
const OWNER = new URL('./owners/unreliable.js', import.meta.url).href;
/** Long enough for an owner who answers at once, also where the CPU is somebody else's meanwhile. */
const PATIENCE_MS = Math.min(patience(400), 2000);
const SIGBUS = 7;
const EIO = 5;

/** How each report tells a task of a page that never comes: `address` is the page's, or 0 where the event names none. */
const REPORTS = [
  { name: 've-resolve', address: (page: number) => windowAddress(page) },
  { name: 've', address: (page: number) => windowAddress(page) },
  { name: 'mce', address: (page: number) => windowAddress(page) },
  { name: 'apf-error', address: () => 0 },
] as const;

/** What an owner does, how a task that waits for the page ends, and what is counted. */
const FAILURES: readonly { readonly behaviour: Behaviour; readonly comes: boolean; readonly counted: readonly (keyof SupervisionCounters)[] }[] = [
  { behaviour: 'throws', comes: false, counted: ['failed'] },
  { behaviour: 'rejects', comes: false, counted: ['failed'] },
  { behaviour: 'refuses', comes: false, counted: ['failed'] },
  { behaviour: 'too-short', comes: false, counted: ['failed'] },
  { behaviour: 'no-page', comes: false, counted: ['failed'] },
  { behaviour: 'never', comes: false, counted: ['expired'] },
  { behaviour: 'wrong-page', comes: false, counted: ['expired', 'wrongPage'] },
  { behaviour: 'twice', comes: true, counted: ['repeated'] },
];

describe('pages whose owner fails', function () {
  this.timeout(patience(60_000));
  let kvm: Kvm;
  let window: DaxWindow;

  before(function () {
    requireKvm(this);
  });
  beforeEach(() => {
    kvm = Kvm.open();
    window = DaxWindow.create({ memfdBytes: PAGES * PAGE_SIZE }, PAGES * PAGE_SIZE);
  });
  afterEach(() => {
    window.close();
    kvm.close();
  });

  const withGuest = async (report: string, owner: PageOwner, body: (guest: LossGuest, pages: SupervisedPages) => void | Promise<void>): Promise<void> => {
    const pages = new SupervisedPages(owner, window, PATIENCE_MS);
    await LossGuest.with(kvm, { report: lossReport(report), window, pages }, (guest) => body(guest, pages));
  };
  const withOwner = async (report: string, behaviours: UnreliableOptions['behaviours'], body: (guest: LossGuest, pages: SupervisedPages, owner: WorkerPageOwner) => void | Promise<void>): Promise<void> => {
    const options: UnreliableOptions = { behaviours, lateMs: 2 * PATIENCE_MS };
    await WorkerPageOwner.with(OWNER, options, (owner) => withGuest(report, owner, (guest, pages) => body(guest, pages, owner)));
  };
  const run = (guest: LossGuest, programs: readonly TaskProgram[]): AccessOutcome[] => {
    const end = guest.run(programs);
    assert.equal(end.kind, 'done', JSON.stringify(end));
    return guest.outcomes();
  };
  const load = (guest: LossGuest, page: number): AccessOutcome => run(guest, [[{ access: 'load', page }]])[0];
  const isRight = (outcome: AccessOutcome, page: number): void => {
    assert(outcome.result === 'value', `page ${page}: ${outcome.result}`);
    assert.equal(outcome.value, contentsOf(page), `page ${page}`);
  };
  const isError = (outcome: AccessOutcome, address: number, what = 'the access'): void => {
    assert(outcome.result === 'signal', `${what}: ${outcome.result}`);
    assert.deepEqual({ signal: outcome.signal, address: outcome.address }, { signal: SIGBUS, address }, what);
  };

  for (const { name, address } of REPORTS) {
    describe(`and \`${name}\` says so`, () => {
      it('of every kind of failure: each task that waits gets an error, each page that comes is right, also where another failed', async () => {
        const failing = FAILURES.map(({ behaviour }, page) => [page, behaviour] as const);
        await withOwner(name, Object.fromEntries(failing), (guest, { counters }) => {
          // One page after the other is a turn of each task: four are waited for at a time.
          const programs = Array.from({ length: 4 }, (_, task) => Array.from({ length: PAGES / 4 }, (__, turn) => ({ access: 'load', page: turn * 4 + task }) as const));
          run(guest, programs).forEach((outcome, at) => {
            const { page } = programs.flat()[at];
            const failure = page < FAILURES.length ? FAILURES[page] : undefined;
            if (failure === undefined || failure.comes) isRight(outcome, page);
            else isError(outcome, address(page), failure.behaviour);
          });
          const expected: SupervisionCounters = { asked: PAGES, delivered: PAGES, failed: 0, expired: 0, repeated: 0, late: 0, wrongPage: 0, unasked: 0 };
          for (const { comes, counted } of FAILURES) {
            if (!comes) expected.delivered--;
            for (const counter of counted) expected[counter]++;
          }
          assert.deepEqual(counters, expected);
        });
      });

      // A guest that was told of broken memory does not use it again.
      const stays = name === 'mce';
      it(stays ? 'the guest leaves the page alone, although its owner has it again' : 'an owner that has pages again is asked again', async () => {
        await withOwner(name, { 2: ['throws', 'never', 'answers'] }, (guest, { counters }) => {
          isError(load(guest, 2), address(2));
          isError(load(guest, 2), address(2));
          if (stays) {
            isError(load(guest, 2), address(2));
            return;
          }
          isRight(load(guest, 2), 2);
          isRight(load(guest, 2), 2);
          assert.deepEqual([counters.asked, counters.failed, counters.expired, counters.delivered], [3, 1, 1, 1]);
        });
      });
    });
  }

  it('any mix of failures: each page is right, or each access to it an error', async () => {
    const behaviour = fc.constantFrom<Behaviour>('answers', 'answers', 'throws', 'rejects', 'refuses', 'too-short', 'no-page', 'twice', 'wrong-page', 'never');
    await fc.assert(
      fc.asyncProperty(fc.array(behaviour, { minLength: PAGES, maxLength: PAGES }), async (behaviours) => {
        await withOwner('ve-resolve', Object.fromEntries(behaviours.entries()), (guest) => {
          const programs = Array.from({ length: 4 }, (_, task) => Array.from({ length: PAGES / 4 }, (__, at) => ({ access: 'load', page: task * (PAGES / 4) + at }) as const));
          run(guest, programs).forEach((outcome, page) => {
            if (behaviours[page] === 'answers' || behaviours[page] === 'twice') isRight(outcome, page);
            else isError(outcome, windowAddress(page));
          });
        });
        window.truncate(0);
        window.truncate(PAGES * PAGE_SIZE);
      }),
      { numRuns: SLOWNESS > 1 ? 1 : 4 },
    );
  });

  it('an answer that is late touches nothing, and is not taken for that of the request after it', async () => {
    await withOwner('ve-resolve', { 5: ['late', 'late', 'answers'] }, async (guest, pages) => {
      for (let time = 0; time < 2; time++) isError(load(guest, 5), windowAddress(5));
      for (let looks = 0; pages.counters.late < 2; looks++) {
        assert(looks < 200, `waited for 2 late answers, got ${pages.counters.late}`);
        await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS / 4));
        pages.poll();
      }
      const word = new Uint8Array(8);
      window.read(5 * PAGE_SIZE, word);
      assert.deepEqual(word, new Uint8Array(8), 'a late answer was written');
      assert(pages.isMissing(5));
      isRight(load(guest, 5), 5);
    });
  });

  it('several tasks that wait for one page are all told', async () => {
    await withOwner('ve-resolve', { 3: ['never', 'answers'] }, (guest, { counters }) => {
      const programs = Array.from({ length: 4 }, (): TaskProgram => [{ access: 'load', page: 3 }]);
      for (const outcome of run(guest, programs)) isError(outcome, windowAddress(3));
      for (const outcome of run(guest, programs)) isRight(outcome, 3);
      assert.deepEqual([counters.asked, counters.expired, counters.delivered], [2, 1, 1]);
    });
  });

  it('answers that nobody asked for, thousands of them, change nothing', async () => {
    await withOwner('ve-resolve', { 6: 'floods' }, (guest, { counters }) => {
      isRight(load(guest, 6), 6);
      isRight(load(guest, 0), 0);
      assert(counters.wrongPage >= 1000, `${counters.wrongPage} answers for another page`);
    });
  });

  for (const behaviour of ['blocks', 'ends'] as const) {
    it(`an owner's thread that ${behaviour} leaves what came before, and every later access an error`, async () => {
      await withOwner('ve-resolve', { 1: behaviour }, (guest) => {
        isRight(load(guest, 0), 0);
        const outcomes = run(guest, [1, 2, 3, 0].map((page): TaskProgram => [{ access: 'load', page }]));
        for (const page of [1, 2, 3]) isError(outcomes[page - 1], windowAddress(page));
        isRight(outcomes[3], 0);
      });
    });
  }

  it('a copy of the guest kernel\'s gets -EIO for a page that never comes, and the page where it does', async () => {
    await withOwner('ve-resolve', { 1: 'never', 2: 'throws' }, (guest) => {
      const outcomes = run(guest, [[1, 2, 3].map((page) => ({ access: 'kernel-read', page }) as const)]);
      assert.deepEqual(outcomes.map((outcome) => (outcome.result === 'error' ? outcome.errno : outcome.result)), [EIO, EIO, 'value']);
    });
  });

  it('`exit` ends the VM, and says which page and why', async () => {
    await withOwner('exit', { 4: 'throws' }, (guest) => {
      isRight(load(guest, 3), 3);
      const end = guest.run([[{ access: 'load', page: 4 }]]);
      assert(end.kind === 'died' && /gpa 0x[0-9a-f]*4000\b.*io-error/.test(end.why), JSON.stringify(end));
    });
  });

  it('an owner in this thread that throws has answered', async () => {
    const owner: PageOwner = {
      ask: () => {
        throw new Error('not even a thread');
      },
      take: () => null,
    };
    await withGuest('ve', owner, (guest, { counters }) => {
      isError(load(guest, 7), windowAddress(7));
      assert.equal(counters.failed, 1);
    });
  });

  it('a module that is none is refused before there is a guest', async () => {
    await assert.rejects(
      WorkerPageOwner.with(new URL('./failing-owner.test.nowhere.js', import.meta.url).href, null, () => undefined),
      { code: 'PAGE_OWNER_FAILED' },
    );
  });
});
