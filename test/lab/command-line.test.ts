import { strict as assert } from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchReport } from '../../lib/bench/index.js';
import { skip } from '../support/skip.js';
import { poll } from './support/poll.js';

const LAUNCHER = fileURLToPath(new URL('../../../scripts/kvm-faultlab.js', import.meta.url));
/** Fetching the kernel included; the boot has a limit of its own. */
const LIMIT_MS = 600_000;
/** Below the test's own limit, so that the test says what it waited for. */
const PROGRESS_LIMIT_MS = 240_000;
/** Leaves no /dev/kvm but what QEMU and Node need of /dev. */
const HIDE_KVM = 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && exec "$0" "$@"';

describe('kvm-faultlab --lab', function () {
  this.timeout(LIMIT_MS);
  let folder = '';

  before(function () {
    if (process.env['KVM_FAULTLAB_LAB'] !== undefined) skip(this, 'this is the lab', { hostCannot: true });
    if (spawnSync('qemu-system-x86_64', ['--version']).status !== 0) skip(this, 'qemu-system-x86_64 is not installed');
    folder = mkdtempSync(join(tmpdir(), 'lab-cli-test-'));
    mkdirSync(join(folder, 'images'));
    mkdirSync(join(folder, 'work'));
    writeFileSync(join(folder, 'images/disk'), Buffer.from(Array.from({ length: 40 * 4096 + 100 }, (_, i) => i % 251)));
    symlinkSync('../images/disk', join(folder, 'work/image'));
    writeFileSync(join(folder, 'work/report.json'), 'an older report');
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  it('runs a command as if it ran here, on a host without /dev/kvm: current directory, image, report, output, exit code', () => {
    const command = [process.execPath, LAUNCHER, '--lab', 'bench', '--image', 'image', '--json', 'report.json', '--modes', 'apf-user', '--control', '40ms'];
    // Only root can hide /dev; for others the lab is the same, with or without it.
    const hidden = process.getuid?.() === 0 ? ['unshare', '-m', 'sh', '-c', HIDE_KVM, ...command] : command;
    const { status, stdout, stderr } = spawnSync(hidden[0], hidden.slice(1), { cwd: join(folder, 'work'), encoding: 'utf8', timeout: LIMIT_MS });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^host {3}SVM.*CPU EMULATED/m);
    assert.match(stdout, /^\* EMULATED HOST/m);
    const report = JSON.parse(readFileSync(join(folder, 'work/report.json'), 'utf8')) as BenchReport;
    assert(report.passed && report.host.emulated);
    assert.equal(report.parameters.image, 'image');
    assert.equal(report.parameters.pages, 41);
    assert.deepEqual(readdirSync(join(folder, 'work')).sort(), ['image', 'report.json']);
  });

  it('gives the command a terminal where it has one: progress, colours, lines ended as here, and Ctrl-C', async function () {
    if (spawnSync('script', ['--version']).status !== 0) skip(this, 'script (bsdutils) is not installed');
    const command = `'${process.execPath}' '${LAUNCHER}' bench --lab --modes sync-uffd --latency 1s --json interrupted.json`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: join(folder, 'work'), env: { ...process.env, NO_COLOR: undefined } });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    try {
      await poll(
        'the bench to show its progress',
        PROGRESS_LIMIT_MS,
        () => {
          assert.equal(child.exitCode, null, `the bench ended before it showed its progress: ${output}`);
          return /sync-uffd, \d+\/\d+ pages/.test(output);
        },
        () => output,
      );
      child.stdin.write('\u0003');
      assert.equal(await ended, 130, output);
    } finally {
      child.kill();
    }
    assert.match(output, /\u001b\[33minterrupted: what is shown/);
    assert.doesNotMatch(output, /\r\r/);
    assert(readdirSync(join(folder, 'work')).includes('interrupted.json'), 'the report did not come back');
  });
});
