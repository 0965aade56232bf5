import { strict as assert } from 'node:assert';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skip } from '../support/skip.js';

const LAB = fileURLToPath(new URL('../../../scripts/lab/main.js', import.meta.url));
/** Fetching the kernel included; the boot has a limit of its own. */
const LIMIT_MS = 600_000;

function lab(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [LAB, ...args], { encoding: 'utf8', timeout: LIMIT_MS });
  return { code: status, stdout, stderr };
}

/** Process ids of the QEMUs that `parent` started: setpriv becomes QEMU, so that it is a child of ours. */
function qemusOf(parent: number): number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number).filter((pid) => {
    try {
      return /qemu/.test(readlinkSync(`/proc/${pid}/exe`));
    } catch {
      return false;
    }
  });
}

async function poll(what: string, limitMs: number, done: () => boolean): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!done()) {
    assert(Date.now() < deadline, `waited ${limitMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A lab whose command has said "started". */
async function startedLab(script: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [LAB, 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await poll('the command inside to start', LIMIT_MS, () => {
    assert.equal(child.exitCode, null, 'the lab ended before its command started');
    return output.includes('started');
  });
  return child;
}

/** A process that nobody has waited for yet is gone all the same. */
function isGone(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return true;
  }
}

describe('the lab', function () {
  this.timeout(LIMIT_MS);
  let out = '';

  before(function () {
    if (process.env['KVM_FAULTLAB_LAB'] !== undefined) skip(this, 'this is the lab', { hostCannot: true });
    if (spawnSync('qemu-system-x86_64', ['--version']).status !== 0) skip(this, 'qemu-system-x86_64 is not installed');
    out = mkdtempSync(join(tmpdir(), 'lab-test-'));
  });
  after(() => {
    if (out !== '') rmSync(out, { recursive: true });
  });

  it('is an SVM host; brings back exit code, both outputs and files of --out, and nothing else', () => {
    const script = 'cat /sys/module/kvm_amd/parameters/npt; echo aside >&2; echo kept > "$0/file"; echo lost > dist/lost-in-the-lab; exit 7';
    const { code, stdout, stderr } = lab('--out', out, 'sh', '-c', script, out);
    assert.equal(code, 7, stderr);
    assert.match(stdout, /^[1Y]\n$/);
    assert.match(stderr, /^aside\n$/m);
    assert.equal(readFileSync(join(out, 'file'), 'utf8'), 'kept\n');
    assert(!readdirSync(fileURLToPath(new URL('../..', import.meta.url))).includes('lost-in-the-lab'), 'the checkout was changed');
  });

  it('ends a command that outlasts --limit, and says what it waited for', () => {
    const { code, stderr } = lab('--limit', '1', 'sleep', '600');
    assert.equal(code, 70);
    assert.match(stderr, /STEP_TIMED_OUT: waited 1 s for the command to end/);
  });

  it('passes Ctrl-C on to the command', async () => {
    const child = await startedLab('trap "exit 5" INT; echo started; while :; do sleep 0.1; done');
    child.kill('SIGINT');
    await poll('the lab to end after SIGINT', 120_000, () => child.exitCode !== null);
    assert.equal(child.exitCode, 5);
  });

  it('leaves no QEMU behind when it is killed', async () => {
    const child = await startedLab('echo started; sleep 600');
    const qemus = qemusOf(Number(child.pid));
    assert.equal(qemus.length, 1);
    child.kill('SIGKILL');
    await poll('QEMU to end with its parent', 10_000, () => qemus.every(isGone));
  });

  it('refuses bad options with code 64 and no boot', () => {
    for (const args of [[], ['--turbo', 'true'], ['--limit', 'soon', 'true'], ['--memory', '1', 'true']]) {
      const { code, stderr } = lab(...args);
      assert.equal(code, 64, args.join(' '));
      assert.match(stderr, /usage: npm run lab/);
    }
  });
});
