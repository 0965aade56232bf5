import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchReport, emulatedReport } from '../bench/reports.js';
import { experimentReport, speedReport } from '../report/reports.js';
import { patience } from '../support/slowness.js';
import { CLI, TIMEOUT_MS, cli } from './run-cli.js';

describe('kvm-faultlab report', function () {
  this.timeout(patience(60_000));
  let folder = '';
  const at = (name: string): string => join(folder, name);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'report-test-'));
    writeFileSync(at('bench.json'), JSON.stringify(benchReport()));
    writeFileSync(at('answers.json'), JSON.stringify([experimentReport()]));
    writeFileSync(at('lab.json'), JSON.stringify(emulatedReport()));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('writes one page of a bench and an experiment', () => {
    const { code, stdout, stderr } = cli(['report', at('bench.json'), at('answers.json'), '-o', at('out.html'), '--title', 'Both']);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
    const page = readFileSync(at('out.html'), 'utf8');
    assert.match(page, /<h1>Both<\/h1>/);
    assert.match(page, /Q1 answered/);
    assert.deepEqual(readdirSync(folder).sort(), ['answers.json', 'bench.json', 'lab.json', 'out.html']);
  });
  it('takes a report of speed', () => {
    writeFileSync(at('speed.json'), JSON.stringify(speedReport()));
    const { code, stdout } = cli(['report', at('speed.json'), '-o', '-']);
    assert.equal(code, 0);
    assert.match(stdout, /2 of 3 goals met, 1 missed/);
  });
  it('prints the page where it is asked to', () => {
    const { code, stdout } = cli(['report', at('bench.json'), '-o', '-']);
    assert.equal(code, 0);
    assert.match(stdout, /^<!doctype html>[^]*<\/html>\n$/);
  });
  it('needs to be told where to', () => {
    const { code, stderr } = cli(['report', at('bench.json')]);
    assert.equal(code, 2);
    assert.match(stderr, /--output/);
  });
  it('refuses files that are no reports, and different hosts, with a code', () => {
    writeFileSync(at('cut.json'), JSON.stringify(benchReport()).slice(0, 300));
    for (const [args, expected] of [
      [[at('cut.json')], 'REPORT_NOT_JSON'],
      [[at('missing.json')], 'REPORT_UNREADABLE'],
      [[at('bench.json'), at('lab.json')], 'REPORT_HOSTS'],
    ] as const) {
      const { code, stderr } = cli(['report', ...args, '-o', at('out.html')]);
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`\\[${expected}\\]`));
      assert.equal(existsSync(at('out.html')), false);
    }
    assert.equal(cli(['report', at('bench.json'), at('lab.json'), '--force', '-o', at('out.html')]).code, 0);
  });
  it('leaves the old page where the disk is full, and nothing beside it', () => {
    writeFileSync(at('out.html'), 'the old page');
    // Files of this shell's children may not become larger than 4 KiB: a write beyond that fails as on a full disk.
    const { status, stderr } = spawnSync('sh', ['-c', 'trap "" XFSZ; ulimit -f 8; exec "$@"', 'sh', process.execPath, CLI, 'report', at('bench.json'), '-o', at('out.html')], { encoding: 'utf8', timeout: TIMEOUT_MS });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /REPORT_UNWRITABLE/);
    assert.equal(readFileSync(at('out.html'), 'utf8'), 'the old page');
    assert.deepEqual(readdirSync(folder).sort(), ['answers.json', 'bench.json', 'lab.json', 'out.html']);
  });
  it('says so where a device is full', () => {
    const { code, stderr } = cli(['report', at('bench.json'), '-o', '/dev/full']);
    assert.equal(code, 2);
    assert.match(stderr, /REPORT_UNWRITABLE.*|ENOSPC/);
    assert.ok(statSync('/dev/full').isCharacterDevice());
  });
  it('keeps links and permissions of what it replaces', () => {
    writeFileSync(at('real.html'), 'old');
    chmodSync(at('real.html'), 0o640);
    symlinkSync('real.html', at('link.html'));
    assert.equal(cli(['report', at('bench.json'), '-o', at('link.html')]).code, 0);
    assert.match(readFileSync(at('real.html'), 'utf8'), /^<!doctype html>/);
    assert.equal(statSync(at('real.html')).mode & 0o777, 0o640);
  });
});
