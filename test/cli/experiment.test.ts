import assert from 'node:assert/strict';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { TIMEOUT_MS, cli } from './run-cli.js';

describe('kvm-faultlab experiment', function () {
  this.timeout(TIMEOUT_MS);

  it('lists all sixteen questions and the scenarios with their state', function () {
    requireKvm(this);
    const { code, stdout } = cli(['experiment', '--list', '--json', '-']);
    assert.equal(code, 0);
    const states = JSON.parse(stdout) as { id: string; state: string }[];
    assert.deepEqual(states.map(({ id }) => id).filter((id) => /^q\d/.test(id)), Array.from({ length: 16 }, (_, at) => `q${at + 1}`));
    for (const scenario of ['history', 'delivery']) assert(states.some(({ id }) => id === scenario), scenario);
    assert.match(cli(['experiment', '--list']).stdout, /q15 .*(answered here|needs:)/);
  });

  it('refuses what is no question, and a budget that makes no sense, each by name', () => {
    for (const [args, message] of [
      [['q17'], /unknown question 'q17'/i],
      [[], /which question\?/i],
      [['q12', '--budget', '1ms'], /--budget must be from 1 s/],
      [['q12', '--list'], /--list takes no questions/],
      [['q12', '--json', '/no/such/directory/x.json'], /cannot be written/i],
    ] as const) {
      const { code, stderr } = cli(['experiment', ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
  });

  it('answers with a verdict, for people and for programs', function () {
    requireKvm(this);
    const { code, stdout, stderr } = cli(['experiment', 'q12', '--quiet', '--json', '-']);
    assert.equal(code, 0, stderr);
    const [report] = JSON.parse(stdout) as { id: string; finding: { answered: boolean; verdict: string }; host: { kind: string }; tables: { rows: unknown[] }[] }[];
    assert.equal(report.id, 'q12');
    assert(report.finding.answered);
    assert(report.finding.verdict.length > 20 && report.host.kind !== '' && report.tables[0].rows.length > 24 && report.tables[0].rows.length % 24 === 0);
    assert.equal(stderr, '', 'progress although it was not wanted');
    noteKvmUse();
  });
});
