import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Comparison } from '../../lib/bench/index.js';
import type { QuotedFigure, Repeats } from '../../lib/experiments/index.js';
import { benchReport, emulatedReport, modeReport } from '../bench/reports.js';
import { experimentReport } from '../report/reports.js';
import { patience } from '../support/slowness.js';

const CLI = fileURLToPath(new URL('./children/cli.js', import.meta.url));
const FIGURE: QuotedFigure = { id: 'exit', title: 'a round trip', unit: 'ns', value: 27e3, low: 26.5e3, high: 27.5e3, units: 4, unitsAre: 'rounds' };
const LIMIT_MS = patience(20_000);

describe('kvm-faultlab compare', () => {
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'compare-test-'));
    const files = {
      good: benchReport(),
      slow: benchReport({ modes: [modeReport({ pagesPerSecond: 1 })] }),
      stopped: benchReport({ modes: [modeReport({ end: 'stopped' })] }),
      emulated: emulatedReport(),
      later: { ...benchReport(), reportVersion: 99 },
      foreign: { hello: 'world' },
      paper: [experimentReport({ figures: [FIGURE] })],
      'paper-again': [experimentReport({ figures: [{ ...FIGURE, value: 27.2e3, low: 26.9e3, high: 27.5e3 }] })],
      'paper-off': [experimentReport({ figures: [{ ...FIGURE, value: 31e3, low: 30e3, high: 32e3 }] })],
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, `${name}.json`), JSON.stringify(content));
    writeFileSync(join(folder, 'table.json'), 'kvm-faultlab 0.1.0');
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  function compare(...args: string[]): { code: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'compare', ...args], { cwd: folder, encoding: 'utf8', timeout: LIMIT_MS });
    return { code: status, stdout, stderr };
  }

  it('ends with 0 and shows verdicts and ratios when the verdicts are the same, however much the figures differ', () => {
    const { code, stdout, stderr } = compare('good.json', 'slow.json');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /pages\/s +│ +20 +│ +1 +│ +0\.05/);
    assert.match(stdout, /the same verdicts in 2 reports, 1 mode: all good\n$/);
    assert(!stdout.includes('\u001b['), 'colours without a terminal');
  });

  it('ends with 1 when verdicts differ, also as JSON', () => {
    assert.equal(compare('good.json', 'stopped.json').code, 1);
    const { code, stdout } = compare('--json', 'good.json', 'slow.json', 'stopped.json');
    assert.equal(code, 1);
    const comparison = JSON.parse(stdout) as Comparison;
    assert.equal(comparison.sameVerdicts, false);
    assert.deepEqual(comparison.reports.map(({ name }) => name), ['good.json', 'slow.json', 'stopped.json']);
  });

  it('says of two papers whether the second repeats the first, by the exit code too', () => {
    const { code, stdout, stderr } = compare('--repeats', 'paper.json', 'paper-again.json');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /q1 +│ a round trip +│ 27\.0 us \(26\.5 us to 27\.5 us\) │ 27\.2 us \(26\.9 us to 27\.5 us\) │ 1\.007 \(0\.98\d to 1\.02\d\) │ agrees/);
    assert.match(stdout, /repeats: all 1 answers are the same; 0 of 1 figures differ beyond their intervals, where chance allows 0\n$/);
    const off = compare('--repeats', '--json', 'paper.json', 'paper-off.json');
    assert.equal(off.code, 1);
    const { repeats, disagreements } = JSON.parse(off.stdout) as Repeats;
    assert.deepEqual([repeats, disagreements], [false, 1]);
    assert.equal(compare('--repeats', '--verdicts', 'paper.json', 'paper-off.json').code, 0);
    const bench = compare('--repeats', 'paper.json', 'good.json');
    assert.equal(bench.code, 2);
    assert.match(bench.stderr, /REPORT_FOREIGN/);
    assert.equal(compare('--repeats', 'paper.json').code, 2);
  });

  it('refuses emulated hosts beside others with 2, and compares their verdicts when asked for those alone', () => {
    const refused = compare('good.json', 'emulated.json');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /COMPARE_EMULATED.*--verdicts/);
    assert.equal(refused.stdout, '');
    const { code, stdout, stderr } = compare('--verdicts', 'good.json', 'emulated.json');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Figures are not compared: verdicts alone were asked for/);
    assert.doesNotMatch(stdout, /latency p50/);
  });

  const wrong: readonly [title: string, args: readonly string[], message: RegExp][] = [
    ['no report', [], /missing required argument/],
    ['one report', ['good.json'], /two reports or more.*BAD_OPTION/],
    ['a file that is not there', ['good.json', 'nowhere.json'], /nowhere\.json cannot be read.*REPORT_UNREADABLE/],
    ['a directory', ['good.json', '.'], /neither a file nor a pipe.*REPORT_UNREADABLE/],
    ['a device without an end', ['good.json', '/dev/zero'], /neither a file nor a pipe.*REPORT_UNREADABLE/],
    ['a file that is not JSON', ['good.json', 'table.json'], /table\.json is not JSON.*REPORT_NOT_JSON/],
    ['JSON of something else', ['foreign.json', 'good.json'], /foreign\.json is JSON, but.*REPORT_FOREIGN/],
    ['another format', ['good.json', 'later.json'], /later\.json has format 99.*REPORT_VERSION/],
    ['an unknown option', ['--figures', 'good.json', 'good.json'], /unknown option/],
  ];
  for (const [title, args, message] of wrong) {
    it(`${title} ends with 2, one sentence, and no stack`, () => {
      const { code, stdout, stderr } = compare(...args);
      assert.match(stderr, message);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.doesNotMatch(stderr, /^\s+at /m);
    });
  }
});
