import { strict as assert } from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { skip } from '../support/skip.js';
import type { BenchReport } from '../../lib/bench/index.js';
import { TRAP_INSTRUCTIONS, describeProbe, spellTrap } from '../../lib/guest/index.js';
import { patience } from '../support/slowness.js';
import { CLI, TIMEOUT_MS, cli, type Outcome } from './run-cli.js';

/** For what takes a moment on any real host. */
const MOMENT_MS = patience(20_000);

describe('kvm-faultlab bench', function () {
  this.timeout(2 * TIMEOUT_MS);
  let folder = '';
  before(function () {
    requireKvm(this);
    folder = mkdtempSync(join(tmpdir(), 'cli-test-'));
    writeFileSync(join(folder, 'image'), Buffer.from(Array.from({ length: 200 * 4096 + 100 }, (_, i) => i % 251)));
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  it('teaches by example', () => {
    const { code, stdout } = cli(['bench', '--help']);
    assert.equal(code, 0);
    for (const word of ['Examples:', 'Modes:', 'Exit codes:', '--latency']) assert(stdout.includes(word), word);
  });

  it('pages a file whose last page is not whole in every mode, and writes the same report as a table and as JSON', () => {
    const json = join(folder, 'report.json');
    // CI systems take colours without a terminal; a file or a pipe there must not get any either.
    const env = { ...process.env, CI: 'true', FORCE_COLOR: undefined };
    const { code, stdout, stderr } = cli(['bench', '--quiet', '--image', join(folder, 'image'), '--json', json, '--control', '40ms', '--order', 'random'], env);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
    assert.deepEqual(report.modes.map((mode) => mode.mode), ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user']);
    assert.equal(report.parameters.pages, 201);
    assert(report.passed);
    for (const mode of report.modes) {
      assert.equal(mode.integrity.compared, 201);
      assert(mode.integrity.exact);
      assert(mode.events.checks.length >= 3);
      assert((mode.work.controlPerSecond ?? 0) > 0, 'no work was done in the control phases');
      const { faultExits, foundByExitGpa, foundByDecoding, foundByMmio, spuriousFaults } = mode.exits;
      assert.equal(foundByExitGpa + foundByDecoding + foundByMmio + spuriousFaults, faultExits);
      assert(mode.trap.used !== null && (mode.trap.by[mode.trap.used].nullTrapNs ?? 0) > 0, JSON.stringify(mode.trap));
      assert(stdout.includes(`trap   ${spellTrap(mode.trap.used)} (`), `the table does not name the trap ${mode.trap.used}`);
    }
    assert.match(stdout, /page found by +│ +- │ +(exit gpa|instruction decode) │ +- │ +(exit gpa|instruction decode) │/);
    assert.match(stdout, /passed: every page arrived intact/);
    assert(!stdout.includes('\u001b['), 'colours without a terminal');
    assert.equal(stderr, '', 'progress although it was not wanted');
    noteKvmUse();
  });

  it('runs every mode of a proposal, says what its emulation does not show, and takes a policy and pages of two speeds', () => {
    const args = ['--uapi', 'async-pf-userfault-2026', '--pages', '60', '--control', '20ms', '--policy', 'latency:1ms', '--quick-share', '0.5', '--quick-latency', '10us', '--latency', '2ms'];
    const json = join(folder, 'proposal.json');
    const { code, stdout, stderr } = cli(['bench', '--image', join(folder, 'image'), '--emulate', '--json', json, ...args]);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
    assert.deepEqual(report.modes.map(({ mode, implementation }) => [mode, implementation]), [['sync-uffd', 'native'], ['sync-exit', 'emulated'], ['apf-user', 'emulated'], ['apf-exitless', 'emulated']]);
    assert.deepEqual([report.parameters.uapi, report.parameters.policy, report.parameters.quickShare, report.parameters.quickLatencyNs], ['async-pf-userfault-2026', 'latency:1ms', 0.5, 10_000]);
    assert(report.notReproduced.length > 0);
    for (const sentence of report.notReproduced) assert(stdout.includes(sentence), sentence);
    assert.equal(report.modes[3].exits.exitless + report.modes[3].exits.ringFull, report.modes[3].events.notPresent);
    assert.match(stdout, /uapi {3}async-pf-userfault-2026\npolicy latency:1ms\n/);
    assert.match(stdout, /faults without an exit/);
    noteKvmUse();
  });

  it('prints only JSON with --json -, and visits only the pages asked for', () => {
    const { code, stdout } = cli(['bench', '--image', join(folder, 'image'), '--json', '-', '--modes', 'apf-user,apf-user', '--pages', '50', '--work-tasks', '0']);
    const report = JSON.parse(stdout) as BenchReport;
    assert.equal(code, 0);
    assert.equal(report.modes.length, 1);
    assert.equal(report.modes[0].pages, 50);
    assert.equal(report.modes[0].work.relative, null);
    noteKvmUse();
  });

  it('forces the trap that is asked for, or ends with 3 and what the guest saw of it', () => {
    const bench = (trap: string): Outcome =>
      cli(['bench', '--image', join(folder, 'image'), '--json', '-', '--modes', 'sync-exit', '--pages', '10', '--work-tasks', '0', '--trap', trap]);
    const { by } = (JSON.parse(bench('auto').stdout) as BenchReport).modes[0].trap;
    for (const trap of TRAP_INSTRUCTIONS) {
      const { code, stdout, stderr } = bench(trap);
      if (by[trap].probe.outcome === 'works') {
        assert.equal(code, 0, stderr);
        const report = JSON.parse(stdout) as BenchReport;
        assert.deepEqual([report.parameters.trap, report.modes[0].trap.used], [trap, trap]);
      } else {
        assert.equal(code, 3);
        assert.match(stderr, new RegExp(`cannot trap by ${spellTrap(trap)} .*${spellTrap(trap)}: ${describeProbe(by[trap].probe)}.*TRAP_UNUSABLE`));
      }
    }
    noteKvmUse();
  });

  it('says before it runs, with code 2, that the JSON file cannot be written', () => {
    const { code, stdout, stderr } = cli(['bench', '--image', join(folder, 'image'), '--modes', 'sync-uffd', '--control', '0', '--json', '/nowhere/report.json']);
    assert.match(stderr, /REPORT_UNWRITABLE/);
    assert.equal(stdout, '', 'it ran first');
    assert.equal(code, 2);
  });

  for (const mode of ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user']) {
    it(`${mode}: Ctrl-C prints what there is, ends with 130 and leaves no file`, async () => {
      const temporary = mkdtempSync(join(folder, 'tmp-'));
      const child = spawn(process.execPath, [CLI, 'bench', '--modes', mode, '--latency', '20ms', '--control', '40ms'], { env: { ...process.env, TMPDIR: temporary } });
      let stdout = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
      // The made image shows that the bench is under way; the run itself takes minutes at this latency.
      const deadline = Date.now() + MOMENT_MS;
      while (readdirSync(temporary).length === 0) {
        assert(Date.now() < deadline, `waited ${MOMENT_MS / 1000} s for the bench to make its image`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await new Promise((resolve) => setTimeout(resolve, 3000));
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), MOMENT_MS);
      const code = await ended;
      clearTimeout(timer);
      assert.equal(code, 130, `waited ${MOMENT_MS / 1000} s after SIGINT for the bench to end`);
      assert.match(stdout, /interrupted: what is shown/);
      assert.deepEqual(readdirSync(temporary), []);
    });
  }

  it('without /dev/kvm says what to do and ends with 3, as what measures by other processes does', function () {
    if (process.getuid?.() !== 0) skip(this, 'only root can hide /dev in a mount namespace', { hostCannot: true });
    for (const command of [['bench', '--image', join(folder, 'image')], ['speed', 'start', 'memory']]) {
      const { status, stderr } = spawnSync(
        'unshare',
        ['-m', 'sh', '-c', 'mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9 && exec "$0" "$@"', process.execPath, CLI, ...command],
        { encoding: 'utf8', timeout: TIMEOUT_MS },
      );
      assert.match(stderr, /ould not open .*KVM_ENOENT.*kvm-faultlab --lab COMMAND/m);
      assert.doesNotMatch(stderr, /^ +at /m);
      assert.equal(status, 3, stderr);
    }
  });

  it('without permission says what to do and ends with 3', function () {
    // Root without capabilities: it may read the checkout, wherever that is, but not open somebody else's device.
    if (process.getuid?.() !== 0) skip(this, 'only root can give up permissions', { hostCannot: true });
    const { status, stderr } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && mknod -m 600 /dev/kvm c 10 232 && chown 65534 /dev/kvm && exec setpriv --bounding-set=-all --inh-caps=-all "$0" "$@"', process.execPath, CLI, 'bench', '--modes', 'sync-uffd'],
      { encoding: 'utf8', timeout: TIMEOUT_MS },
    );
    assert.match(stderr, /KVM_EACCES.*kvm-faultlab --lab COMMAND/);
    assert.equal(status, 3, stderr);
  });
});
