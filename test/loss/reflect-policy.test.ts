import { strict as assert } from 'node:assert';
import { lossAbi, reflectReport, windowAddress, type RecoverableMemory, type Reflection, type ReflectOptions, type TaskAccessKind } from '../../lib/loss/index.js';
import { PAGE_SIZE, PROT_NONE } from '../../lib/uapi/index.js';
import { requireUffdPoison } from '../poison/support.js';
import { requireKvm } from '../support/kvm-available.js';
import { PAGES, withLossGuest } from './loss-guest.js';

const LOST = PAGES - 1;
const AT = LOST * PAGE_SIZE;
const whole: RecoverableMemory = { offset: 0, lengthBytes: PAGES * PAGE_SIZE, causes: ['truncated'], kernel: true, comesBack: false };

/** What one access of the lost page comes to, in a few words. */
async function outcomeOf(options: ReflectOptions, access: TaskAccessKind, lose: 'truncate' | 'protect' | 'poison' = 'truncate'): Promise<string> {
  let text = '';
  await withLossGuest({ report: reflectReport(options) }, ({ guest, window }) => {
    if (lose === 'truncate') window.truncate(AT);
    else if (lose === 'protect') window.protect(AT, PAGE_SIZE, PROT_NONE);
    else window.poison(AT);
    const end = guest.run([[{ access, page: LOST }]]);
    if (end.kind !== 'done') {
      text = end.kind === 'died' ? `died: ${end.why.slice(end.why.lastIndexOf(': ') + 2)}` : end.kind;
      return;
    }
    const [outcome] = guest.outcomes();
    text = outcome.result === 'signal' ? `signal ${outcome.signal}, code ${outcome.code}, 0x${outcome.address.toString(16)}` : outcome.result === 'error' ? `error ${outcome.errno}` : outcome.result;
  });
  return text;
}

const signal = (code: number): string => `signal ${lossAbi.SIGNAL_BUS}, code ${code}, 0x${windowAddress(LOST).toString(16)}`;

describe('the report `reflect-policy`', function () {
  before(function () {
    requireKvm(this);
  });

  for (const asyncPf of [true, false]) {
    describe(asyncPf ? 'of a guest with async page faults' : 'of a guest without async page faults', () => {
      for (const access of ['load', 'store', 'read-modify-write', 'fetch'] as const) {
        it(`tells a task of its ${access}`, async () => {
          assert.equal(await outcomeOf({ asyncPf }, access), signal(lossAbi.CODE_BUS_ADRERR));
        });
      }

      for (const access of ['kernel-read', 'kernel-write'] as const) {
        it(`tells the kernel of its ${access}, where that was declared`, async () => {
          assert.equal(await outcomeOf({ asyncPf, declared: [whole] }, access), `error ${lossAbi.ERROR_EIO}`);
          assert.equal(await outcomeOf({ asyncPf, declared: [{ ...whole, kernel: false }] }, access), 'died: it was declared recoverable for tasks, not for the guest\'s kernel');
        });
      }

      it('tells nothing of what nobody declared: the VM ends with a report', async () => {
        assert.equal(await outcomeOf({ asyncPf, declared: [] }, 'load'), 'died: nobody declared this memory recoverable from that');
        assert.equal(await outcomeOf({ asyncPf, declared: [{ ...whole, lengthBytes: AT }] }, 'load'), 'died: nobody declared this memory recoverable from that');
      });

      it('tells nothing of what the host did to itself', async () => {
        assert.equal(await outcomeOf({ asyncPf }, 'load', 'protect'), 'died: the host took the permission away itself');
      });

      it('makes a machine check of a load from poison, a #VE of a store', async function () {
        requireUffdPoison(this);
        const declared: RecoverableMemory[] = [{ ...whole, causes: ['poison'] }];
        assert.equal(await outcomeOf({ asyncPf, declared }, 'load', 'poison'), signal(lossAbi.CODE_BUS_MCEERR_AR));
        assert.equal(await outcomeOf({ asyncPf, declared }, 'store', 'poison'), signal(lossAbi.CODE_BUS_ADRERR));
        assert.equal(await outcomeOf({ asyncPf }, 'load', 'poison'), 'died: nobody declared this memory recoverable from that');
      });
    });
  }

  it('asks whatever policy it is given', async () => {
    const asked: string[] = [];
    const policy = ({ access, cause, cpl, offset, refusal }: Parameters<NonNullable<ReflectOptions['policy']>>[0]): Reflection => {
      asked.push(`${access} ${cause} ${cpl} ${offset} ${refusal ?? 'deliverable'}`);
      return { kind: 'end', why: 'no' };
    };
    assert.equal(await outcomeOf({ policy }, 'store'), 'died: no');
    assert.deepEqual(asked, [`store truncated 3 ${AT} deliverable`]);
  });

  it('gives back what the file has again', async () => {
    await withLossGuest({ report: reflectReport() }, ({ window, load }) => {
      window.truncate(AT);
      assert.equal(load(LOST).result, 'signal');
      window.truncate(AT + PAGE_SIZE);
      assert.equal(load(LOST).result, 'value');
    });
  });
});
