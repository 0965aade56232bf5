/** Q12: what each access to memory that cannot be had comes to is pinned by host kind, and a kernel that does otherwise is named. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Kvm, describeHost, readHost } from '../../lib/kvm/index.js';
import { FAILING, PRESENT } from '../../lib/experiments/guests/backings.js';
import { compareOutcomes, describeChange } from '../../lib/experiments/q12-error-outcome/compare-outcomes.js';
import { ACCESS_KINDS, SITUATIONS, tryFailingAccess } from '../../lib/experiments/q12-error-outcome/failing-access.js';
import { BACKINGS, failingAccesses, observe } from '../../lib/experiments/q12-error-outcome/index.js';
import { KNOWN_HOSTS, knownHostOf } from '../../lib/experiments/q12-error-outcome/known-outcomes.js';
import { outcomeRows, outcomeText, type Observation, type OutcomeRow } from '../../lib/experiments/q12-error-outcome/outcome-rows.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';

describe('outcomes of accesses to memory that cannot be had', function () {
  this.timeout(patience(120_000));

  describe('on this host', () => {
    before(function () {
      requireKvm(this);
    });

    it('are those measured before on a host of its kind', async function () {
      const host = readHost();
      const known = knownHostOf(host);
      if (known === undefined) skip(this, `nothing is pinned for ${host.kind} hosts: add rows to known-outcomes.ts`, { hostCannot: true });
      // Where an instruction takes many times as long, one kind of access for each guest, in turn.
      const accesses = failingAccesses().filter((_, at) => !host.emulated || at % ACCESS_KINDS.length === Math.floor(at / ACCESS_KINDS.length) % ACCESS_KINDS.length);
      const { observations, refusals } = await observe(accesses);
      const now = outcomeRows(observations);
      const untried = [...new Set(known.rows.map(({ memory }) => memory))].filter((memory) => !now.some((row) => row.memory === memory));
      assert.deepEqual(untried, [], `could be tried on ${known.title}`);
      const changes = compareOutcomes(known.rows, now).filter(({ is }) => !host.emulated || is !== null).map(describeChange);
      assert.deepEqual(
        changes,
        [],
        `this kernel does otherwise than ${known.title}:\n  ${changes.join('\n  ')}\nHost: ${describeHost(host)}. Not tried: ${refusals.map(({ backing, why }) => `${backing.title}: ${why}`).join(' ')}\nIf the kernel is right, change the rows in lib/experiments/q12-error-outcome/known-outcomes.ts, and docs/HOSTS.md.`,
      );
    });

    it('are those of no memory at all where the memory of a slot was unmapped', async () => {
      const kvm = Kvm.open();
      const tryOne = async (id: string): Promise<string> => {
        const backing = FAILING.find((candidate) => candidate.id === id);
        assert(backing !== undefined);
        return outcomeText(await tryFailingAccess(kvm, { backing, situation: 'no APIC', cpl: 3, access: 'store' }));
      };
      assert.equal(await tryOne('munmap'), await tryOne('prot-none'));
      kvm.close();
    });
  });

  describe('of hosts that were measured', () => {
    const everyAccess = new Set(failingAccesses([PRESENT]).map(({ situation, cpl, access }) => [situation, cpl, access].join('/')));

    for (const { title, rows } of KNOWN_HOSTS) {
      it(`name every access to each kind of memory once: ${title}`, () => {
        assert(rows.length > 0);
        for (const { id } of BACKINGS) {
          const cells = rows.filter(({ memory }) => memory === id).flatMap(cellsOf);
          if (cells.length > 0) assert.deepEqual([cells.length, new Set(cells)], [everyAccess.size, everyAccess], id);
        }
        assert.deepEqual(rows.filter(({ memory }) => !BACKINGS.some(({ id }) => id === memory)), []);
      });
    }

    it('differ by what a change says, and by nothing else', () => {
      const before: OutcomeRow[] = [{ memory: 'truncated', cpl: 3, asyncPageFaults: 'all', access: 'all', outcome: 'endless' }];
      const now: OutcomeRow[] = [
        { ...before[0], asyncPageFaults: 'no APIC, APF off, no HLT exits' },
        { ...before[0], asyncPageFaults: 'APF on', access: 'store' },
        { ...before[0], asyncPageFaults: 'APF on', access: 'load, fetch', outcome: 'EFAULT' },
        { ...before[0], memory: 'munmap', outcome: 'EFAULT' },
      ];
      assert.deepEqual(compareOutcomes(before, now).map(describeChange), [
        'truncated, CPL3, APF on, load, fetch: was "endless", is "EFAULT"',
        'munmap, CPL3, no APIC, APF off, APF on, no HLT exits, load, store, fetch: was not tried, is "EFAULT"',
      ]);
      assert.deepEqual(compareOutcomes(before, before), []);
    });

    it('say the same in rows as one by one', () => {
      const outcomes = ['EFAULT', 'endless', 'runs'].map((result) => ({ result, errno: null, exitReason: null, signal: null, told: null, loop: 'none', turns: 0, turnNs: null, guestEvents: 0 }) as const);
      const accesses = failingAccesses([PRESENT, FAILING[0]]);
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...outcomes), { minLength: accesses.length, maxLength: accesses.length }), (chosen) => {
          const observations = accesses.map((access, at): Observation => ({ ...access, outcome: chosen[at] }));
          const rows = outcomeRows(observations);
          const oneByOne = observations.map(({ backing, cpl, situation, access, outcome }): OutcomeRow => ({ memory: backing.id, cpl, asyncPageFaults: situation, access, outcome: outcome.result }));
          assert.deepEqual(compareOutcomes(oneByOne, rows), []);
          assert.equal(rows.flatMap(cellsOf).length, accesses.length);
        }),
      );
    });
  });
});

function cellsOf({ asyncPageFaults, cpl, access }: OutcomeRow): string[] {
  const situations = asyncPageFaults === 'all' ? Object.keys(SITUATIONS) : asyncPageFaults.split(', ');
  const kinds = access === 'all' ? ACCESS_KINDS : access.split(', ');
  return situations.flatMap((situation) => kinds.map((kind) => [situation, cpl, kind].join('/')));
}
