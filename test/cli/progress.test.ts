import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { timeLeft } from '../../lib/cli/progress.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { CLI, TIMEOUT_MS, cli } from './run-cli.js';

/** Takes three seconds and more, in two modes. */
const LONG = ['bench', '--pages', '60', '--latency', '20ms', '--fault-tasks', '1', '--control', '200ms', '--modes', 'sync-uffd,sync-exit'];

describe('progress', function () {
  this.timeout(patience(120_000));

  it('reckons the time that is left from the part that is done', () => {
    assert.equal(timeLeft(3000, 0.25), 'about 9.00 s left');
    assert.equal(timeLeft(3000, null), '');
    assert.equal(timeLeft(3000, 0), '');
    assert.match(timeLeft(3000, 1.1), /^about \d/);
  });
  it('is plain lines where there is no terminal, with the time left, and nothing where it is not wanted', function () {
    requireKvm(this);
    const { code, stderr } = cli(LONG);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^(0 % run 1 of \d+: [\w-]+, \d+\/60 pages, [\w-]+(, about [^\n]* left)?\n|[1-9]\d* % run \d of \d+: [\w-]+, \d+\/60 pages, [\w-]+, about [^\n]* left\n)+$/);
    assert.equal(cli([...LONG, '--quiet']).stderr, '');
  });
  it('is a bar on a terminal, which is gone at the end', function () {
    requireKvm(this);
    const command = [process.execPath, CLI, ...LONG].map((part) => `'${part}'`).join(' ');
    const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', timeout: TIMEOUT_MS, env: { ...process.env, TERM: 'xterm', NO_COLOR: '1' } });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /\d+ % run \d of \d+: [\w-]+, \d+\/60 pages.* left/);
    assert.match(stdout.slice(stdout.indexOf('kvm-faultlab ')), /passed: every page arrived intact/);
  });
});
