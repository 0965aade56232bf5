/** The accident of an NMI in front of a handler: which generation of the protocol loses an event by it, run after run. */
import assert from 'node:assert/strict';
import { HISTORY_CASES, describeCase, type HistoryCase } from '../../lib/experiments/history/generations.js';
import { HistoryGuest } from '../../lib/experiments/history/guest.js';
import { findPlacement } from '../../lib/experiments/history/index.js';
import type { NmiPlacement } from '../../lib/experiments/history/nmi-placement.js';
import { play, type PlayedRun } from '../../lib/experiments/history/play.js';
import { countRuns, find, tableOf, type CaseResult } from '../../lib/experiments/history/verdict.js';
import { Kvm } from '../../lib/kvm/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { SLOWNESS } from '../support/slowness.js';

const RUNS = Math.ceil(60 / SLOWNESS);

/** The same on every host, with every kernel: it is the protocol's doing. */
function survives({ generation, half, disturbance }: HistoryCase): boolean {
  if (disturbance === 'none') return true;
  if (disturbance === 'lost-page-in-nmi-busy-ignored') return false;
  return generation === 've' || (generation === 'apf-2020' && half === 'ready');
}

describe('the history of the protocol', function () {
  this.timeout(30_000);
  let kvm: Kvm;
  let placement: NmiPlacement;

  before(async function () {
    requireKvm(this);
    kvm = Kvm.open();
    const found = await findPlacement(kvm);
    assert(found !== null, 'no NMI comes in front of the first instruction of a handler');
    placement = found;
  });

  after(() => {
    kvm.close();
  });

  const playMany = async (scenario: HistoryCase, count = RUNS): Promise<PlayedRun[]> =>
    HistoryGuest.with(kvm, scenario.generation, scenario.disturbance, (guest) => Array.from({ length: count }, () => play(guest, scenario, placement)));

  for (const scenario of HISTORY_CASES) {
    it(`${describeCase(scenario)}: ${survives(scenario) ? 'survives' : 'is lost'}, always`, async () => {
      const runs = await playMany(scenario);
      for (const [at, { survived, nmi, timeline }] of runs.entries()) {
        const text = `run ${at}: ${timeline.map(({ what }) => what).join('; ')}`;
        assert.equal(nmi, scenario.disturbance === 'none' ? 'none' : 'first instruction', text);
        assert.equal(survived, survives(scenario), text);
        assert(timeline.every(({ tsc }, event) => event === 0 || timeline[event - 1].tsc <= tsc), text);
      }
    });
  }

  it('of 2010 takes the page fault of an NMI handler for the event, and its address for the token, whether CR2 is saved or not', async () => {
    for (const disturbance of ['fault-in-nmi', 'fault-in-nmi-cr2-saved'] as const) {
      const [{ log }] = await playMany({ generation: 'apf-2010', half: 'not-present', disturbance }, 1);
      const [event] = log.filter(({ kind }) => kind === 'notPresent');
      assert.equal(event.value, 0x1ff000);
      assert.deepEqual(log.slice(-2).map(({ kind, value }) => ({ kind, value })), [{ kind: 'ready', value: 0x1000 }, { kind: 'nobodyWaits', value: 0x1000 }]);
    }
  });

  it('of 2010 kills a task for an address that it never touched: the one of the NMI handler, or the token where CR2 is saved', async () => {
    for (const [disturbance, address] of [['fault-in-nmi', 0x1ff000], ['fault-in-nmi-cr2-saved', 0x1000]] as const) {
      const [{ log }] = await playMany({ generation: 'apf-2010', half: 'ready', disturbance }, 1);
      assert.deepEqual(log.filter(({ kind }) => kind === 'killed').map(({ value }) => value), [address]);
    }
  });

  it('of #VE keeps what stands in the information area as long as the busy word is set, and no longer', async () => {
    const gpas = async (disturbance: HistoryCase['disturbance']): Promise<number[]> => {
      const [{ log }] = await playMany({ generation: 've', half: 'not-present', disturbance }, 1);
      return log.filter(({ kind }) => kind === 'virtualization').map(({ value }) => value);
    };
    assert.deepEqual(await gpas('lost-page-in-nmi'), [0x100000]);
    assert.deepEqual(await gpas('lost-page-in-nmi-busy-ignored'), [0x101000, 0x101000]);
  });

  describe('its verdict', () => {
    const lost: Pick<PlayedRun, 'survived' | 'nmi' | 'log'> = { survived: false, nmi: 'first instruction', log: [{ kind: 'panic', tsc: 0n, value: 0 }] };
    const kept = { ...lost, survived: true, log: [] };
    const expected = (scenario: HistoryCase): CaseResult => countRuns(scenario, Array.from({ length: 4 }, () => (survives(scenario) ? { ...kept, nmi: scenario.disturbance === 'none' ? 'none' : 'first instruction' } : lost)));

    it('counts what was lost and what survived', () => {
      const found = find(HISTORY_CASES.map(expected), HISTORY_CASES.length);
      assert(found.answered);
      assert.match(found.verdict, /apf-2010 not-present lost 8 of 8; .*apf-2020 ready survived 8 of 8; .*ve without the busy word lost 4 of 4/);
      assert.equal(found.answer, 'with the events of 2010 (not-present and ready) and those of 2020 (not-present) a badly timed NMI loses events; with #VE none is lost while the host honours the busy word');
      assert.equal(tableOf(HISTORY_CASES.map(expected)).rows.length, HISTORY_CASES.length);
    });

    it('calls a scenario mixed that was now lost and now not', () => {
      const found = find([countRuns(HISTORY_CASES[1], [lost, kept])], 1);
      assert(found.answered && found.answer === 'with the events of 2010 (not-present, not every time) a badly timed NMI loses events' && found.verdict.includes('lost 1 of 2'), JSON.stringify(found));
    });

    it('is none when the NMI came elsewhere, the control failed, or not every scenario ran', () => {
      const [control, disturbed] = HISTORY_CASES;
      for (const [results, why] of [
        [[countRuns(disturbed, [lost, { ...lost, nmi: 'elsewhere' }])], /in 1 of 2 runs only/],
        [[countRuns(control, [{ ...lost, nmi: 'none' }])], /undisturbed, 0 of 1/],
        [[], /time was over/],
      ] as const) {
        const found = find(results, 1);
        assert(!found.answered && why.test(found.why), JSON.stringify(found));
      }
    });
  });
});
