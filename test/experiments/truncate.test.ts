/** `experiment truncate`: that every report came to what its verdict speaks of. No times. */
import { strict as assert } from 'node:assert';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { runExperiment, type ExperimentReport, type Row } from '../../lib/experiments/index.js';
import { LOSS_CASES, type LossObservation } from '../../lib/experiments/truncate/observation.js';
import { truncate } from '../../lib/experiments/truncate/index.js';
import { flawsOf } from '../../lib/experiments/truncate/verdict.js';
import { LOSS_COUNTERS, LOSS_REPORTS, lossAbi, type LossCounter } from '../../lib/loss/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';

const RIGHT = ['right', 'right', 'right', 'right'];
const GONE = 'the VM is gone';
const MUTE = 'the guest cannot say why';
const NO_ADDRESS = 'the task is told no address';
const BAD = 'the page stays lost though the file has it again';
/** What each report comes to, in the order of LOSS_CASES. The same on every host kind and kernel so far. */
const VERDICTS: Readonly<Record<string, readonly string[]>> = {
  exit: [GONE, GONE, GONE, MUTE],
  loop: RIGHT,
  'apf-error': [NO_ADDRESS, NO_ADDRESS, GONE, MUTE],
  mce: [BAD, `a store is told as a failed load; ${BAD}`, BAD, 'right'],
  ve: RIGHT,
  've-resolve': RIGHT,
  lease: RIGHT,
  'reflect-policy': RIGHT,
};

const rowsOf = (report: ExperimentReport, id: string): readonly Row[] => report.tables.find((table) => table.id === id)?.rows ?? [];
const folders = (): number => readdirSync(tmpdir()).filter((name) => name.startsWith('kvm-faultlab-truncate-')).length;

describe('experiment truncate', function () {
  this.timeout(patience(120_000));
  before(function () {
    requireKvm(this);
  });

  it('compares all reports on one truncated file', async () => {
    const before = folders();
    const report = await runExperiment(truncate, { budgetMs: patience(20_000) });
    assert(report.finding.answered, JSON.stringify(report.finding));
    const saw = rowsOf(report, 'saw');
    const verdicts = Object.fromEntries(LOSS_REPORTS.map(({ name }) => [name, saw.filter((row) => row['report'] === name).map((row) => row['verdict'])]));
    assert.deepEqual(verdicts, VERDICTS);
    const cost = rowsOf(report, 'cost');
    assert.equal(cost.length, LOSS_REPORTS.length * LOSS_CASES.length);
    // The end of a VM is on the host's clock, which the guest's may not keep step with: then there is no time, and the report says so.
    const hasNoClock = report.notReproduced.some((line) => line.includes('not on one steady scale'));
    for (const [at, { report: name, access, samples }] of cost.entries()) {
      if (hasNoClock && saw[at]['vm'] !== 'runs on') continue;
      assert(typeof samples === 'number' && samples > 0, `${String(name)}: ${String(access)} has no samples`);
    }
    assert.match(report.finding.answer, /^told by loop, ve, ve-resolve, lease and reflect-policy, the guest can give every access to a lost page what it needs .*; told by exit, apf-error and mce it cannot$/);
    assert.deepEqual(report.traces?.map(({ title }) => title.split(' ')[0]), LOSS_REPORTS.map(({ name }) => name));
    assert.equal(folders(), before, 'a file was left behind');
  });

  it('runs the reports that were chosen, and shows every timeline of a single one', async () => {
    const report = await runExperiment(truncate, { budgetMs: patience(1500), chosen: ['ve'] });
    assert.deepEqual(new Set(rowsOf(report, 'saw').map((row) => row['report'])), new Set(['ve']));
    assert.equal(report.traces?.length, LOSS_CASES.length);
    for (const { text } of report.traces) assert.match(text, /truncated the file[\s\S]*KVM_RUN came back[\s\S]*injects #VE[\s\S]*#VE: gva 0x40003000/);
    await assert.rejects(runExperiment(truncate, { chosen: ['ve', 'nonsense'] }), { code: 'BAD_OPTION', message: /no report 'nonsense'/ });
  });

  it('finds what is wrong with an outcome', () => {
    const counters = Object.fromEntries(LOSS_COUNTERS.map((name) => [name, 0])) as Record<LossCounter, number>;
    const common = { task: 0, tscBefore: 1n, tscAfter: 2n } as const;
    const good: LossObservation = {
      report: { name: 'r', title: '' },
      tried: LOSS_CASES[1],
      address: 0x1000,
      end: { kind: 'done' },
      outcome: { ...common, result: 'signal', signal: lossAbi.SIGNAL_BUS, code: lossAbi.CODE_BUS_ADRERR, address: 0x1000 },
      panic: null,
      counters,
      mciStatus: 0n,
      afterwards: 'works',
      timeline: [],
      tscKhz: 1,
    };
    const signalAt = (address: number): Partial<LossObservation> => ({ outcome: { ...common, result: 'signal', signal: 7, code: 2, address } });
    const kernel = LOSS_CASES[3];
    const panic = { code: lossAbi.PANIC_LOST_MEMORY, vector: 20, error: 0, rip: 1, address: 0x1000, cpl: 0 };
    const none = { ...common, result: 'none' } as const;
    const cases: readonly (readonly [Partial<LossObservation>, readonly string[]])[] = [
      [{}, []],
      [signalAt(0), [NO_ADDRESS]],
      [signalAt(0x2000), ['the task is told another address']],
      [{ afterwards: 'still lost' }, [BAD]],
      [{ counters: { ...counters, machine_checks: 1 }, mciStatus: 0x134n }, ['a store is told as a failed load']],
      [{ outcome: none }, ['nobody is told']],
      [{ end: { kind: 'died', why: '' } }, [GONE]],
      [{ end: { kind: 'stuck', why: '' } }, ['it never ends']],
      [{ tried: kernel, end: { kind: 'panic', why: '' }, outcome: none, panic }, []],
      [{ tried: kernel, end: { kind: 'panic', why: '' }, outcome: none, panic: { ...panic, address: 0x2000 } }, ['the guest does not say why']],
      [{ tried: kernel, end: { kind: 'died', why: '' }, outcome: none }, [MUTE]],
    ];
    for (const [change, flaws] of cases) assert.deepEqual(flawsOf({ ...good, ...change }), flaws, JSON.stringify(flaws));
  });
});
