import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LIMIT_MS = 50_000;

/** What a fixture may use: the helpers, from this very build. */
const IMPORTS = ['skip', 'kvm-use'].map((name) => `import * as ${name.replace('-', '_')} from '${new URL(`./${name}.js`, import.meta.url).href}';`).join('\n');

interface Run {
  readonly exitCode: number | null;
  readonly output: string;
  readonly lastLine: string;
}

describe('the verdict on a test run', () => {
  let directory: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'run-verdict-'));
  });

  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  /** Runs mocha as `npm test` does, on one file with this body. */
  function run(body: string, ci: boolean): Run {
    const file = join(directory, 'fixture.mjs');
    writeFileSync(file, `${IMPORTS}\n${body}\n`);
    const support = join(ROOT, 'dist/test/support');
    const args = ['--no-config', '--require', join(support, 'root-hooks.js'), '--reporter', join(support, 'reporter.cjs'), file];
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'node_modules/mocha/bin/mocha.js'), ...args], {
      encoding: 'utf8',
      timeout: LIMIT_MS,
      env: { ...process.env, CI: ci ? 'true' : '' },
    });
    return { exitCode: status, output: stdout + stderr, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' };
  }

  const onKvm = "it('on KVM', () => kvm_use.noteKvmUse());";

  it('is good in CI when every skip is one the host forces and KVM was used', () => {
    const { exitCode, lastLine, output } = run(`${onKvm} it('x', function () { skip.skip(this, 'no NPT here', { hostCannot: true }); });`, true);
    assert.equal(exitCode, 0, output);
    assert.equal(lastLine, '1 passed, 0 failed, 1 skipped');
    assert.match(output, /no NPT here \[this host cannot\]/);
  });

  it('is bad in CI when a skip could have been avoided, and good elsewhere', () => {
    const body = `${onKvm} it('x', function () { skip.skip(this, 'no cable'); });`;
    const inCi = run(body, true);
    assert.equal(inCi.exitCode, 1, inCi.output);
    assert.equal(inCi.lastLine, '1 passed, 1 failed, 0 skipped');
    const elsewhere = run(body, false);
    assert.equal(elsewhere.exitCode, 0, elsewhere.output);
    assert.equal(elsewhere.lastLine, '1 passed, 0 failed, 1 skipped');
  });

  it('is bad in CI when a skip gives no reason', () => {
    const { exitCode, output } = run(`${onKvm} it('x', function () { this.skip(); }); it.skip('y', () => {});`, true);
    assert.equal(exitCode, 2, output);
    assert.match(output, /no reason given \[NOT ACCEPTED IN CI\]\n {4}- x\n {4}- y/);
  });

  it('gives the reason of a whole suite to each of its tests', () => {
    const body = `${onKvm} describe('s', () => { before(function () { skip.skip(this, 'all of it', { hostCannot: true }); }); it('x', () => {}); it('y', () => {}); });`;
    const { exitCode, output } = run(body, true);
    assert.equal(exitCode, 0, output);
    assert.match(output, /all of it \[this host cannot\]\n {4}- s x\n {4}- s y/);
  });

  it('is bad in CI when no test used KVM, and says so elsewhere', () => {
    const inCi = run("it('x', () => {});", true);
    assert.equal(inCi.exitCode, 1, inCi.output);
    assert.match(inCi.output, /exercised no KVM at all/);
    assert.equal(inCi.lastLine, '1 passed, 1 failed, 0 skipped');
    const elsewhere = run("it('x', () => {});", false);
    assert.equal(elsewhere.exitCode, 0, elsewhere.output);
    assert.match(elsewhere.output, /exercised no KVM at all/);
  });

  it('does not count a test that used KVM and failed', () => {
    const { exitCode, output } = run("it('x', () => { kvm_use.noteKvmUse(); throw new Error('no'); });", true);
    assert.equal(exitCode, 2, output);
    assert.match(output, /exercised no KVM at all/);
  });
});
