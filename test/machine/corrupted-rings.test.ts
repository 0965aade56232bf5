import { strict as assert } from 'node:assert';
import { FaultLabError, Machine } from '../../lib/index.js';
import { kvmApfSharedPageLayout } from '../../lib/uapi/proposals/index.js';
import { checkIntegrity } from '../../lib/bench/index.js';
import type { SharedModelPlan } from '../../lib/machine/uapi/shared-model.js';
import { sharedPageOf } from '../../lib/machine/uapi/shared-model.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { assertNothingLeft, countingSums, holdings, smallMachine, startThreadPool } from './support.js';

const PAGES = 300;
const EVERY_PAGE = Uint32Array.from({ length: PAGES }, (_, page) => page);
const { fields } = kvmApfSharedPageLayout;
type Field = keyof typeof fields;

/** What somebody writes to the shared page, again and again while the machine runs; and how that may end. */
interface Corruption {
  readonly does: string;
  readonly writes: readonly (readonly [field: Field, value: number])[];
  /** `done`: with every page intact. */
  readonly ends: readonly string[];
}

const CORRUPTIONS: readonly Corruption[] = [
  { does: 'says that all was taken from the notification ring, and more', writes: [['notify.tail', 0x7fff_ffff]], ends: ['done'] },
  { does: 'says that nothing was taken from the notification ring', writes: [['notify.tail', 0]], ends: ['done'] },
  { does: 'puts the head of the notification ring far ahead', writes: [['notify.head', 0x4000_0000]], ends: ['RING_CORRUPTED'] },
  { does: 'fills the first notification with a gpa of nobody', writes: [['notify.entries[0]', -1]], ends: ['RING_CORRUPTED', 'done'] },
  { does: 'claims that a million completions are there', writes: [['complete.head', 1_000_000]], ends: ['MACHINE_STALLED', 'done'] },
  { does: 'fills the first completion with a gpa of nobody', writes: [['complete.entries[0]', -1]], ends: ['MACHINE_STALLED', 'done'] },
  { does: 'says that no completion was ever taken', writes: [['complete.tail', -64]], ends: ['done'] },
  { does: 'takes the wish to be signalled away', writes: [['header.flags', 0]], ends: ['done'] },
];

/** The words that all Workers of the machine share: what a process that maps the page too could write to. */
function sharedPage(machine: Machine): Int32Array {
  const { parts } = machine as unknown as { parts: { plan: { model: SharedModelPlan } } };
  return sharedPageOf(parts.plan.model, 0);
}

describe('a machine whose exitless ring somebody writes garbage to', function () {
  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  for (const { does, writes, ends } of CORRUPTIONS) {
    it(`${does}: ends with ${ends.join(' or ')}, and nothing is left`, async () => {
      const before = holdings();
      const options = smallMachine('apf-exitless', { uapi: 'async-pf-userfault-2026', stallNs: patience(2e9), latencyNs: 1e6 });
      const machine = await Machine.create(options);
      const page = sharedPage(machine);
      const timer = setInterval(() => {
        for (const [field, value] of writes) Atomics.store(page, fields[field].offset / 4, value);
      }, 1);
      let end = 'done';
      try {
        const result = await machine.run();
        const integrity = checkIntegrity(EVERY_PAGE, countingSums(PAGES), result);
        assert(integrity.exact, JSON.stringify(integrity));
      } catch (error) {
        if (!(error instanceof FaultLabError)) throw error;
        end = error.code;
      } finally {
        clearInterval(timer);
        await machine.close();
      }
      assert(ends.includes(end), end);
      await assertNothingLeft(before);
    });
  }
});
