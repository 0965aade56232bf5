import { strict as assert } from 'node:assert';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skip } from '../support/skip.js';
import { poll } from './support/poll.js';

const SCRIPTS = fileURLToPath(new URL('../../../scripts/lab', import.meta.url));
/** Fetching the kernel included; the boot has a limit of its own. */
const LIMIT_MS = 600_000;

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of the lab's commands: `npm run lab` and its siblings. */
function command(script: 'main' | 'boots' | 'build', ...args: string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(SCRIPTS, `${script}.js`), ...args], { encoding: 'utf8', timeout: LIMIT_MS });
  return { code: status, stdout, stderr };
}

const lab = (...args: string[]): Run => command('main', ...args);

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

/** A lab whose command has said "started". */
async function startedLab(kernel: Kernel, script: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(SCRIPTS, 'main.js'), '--kernel', kernel, 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
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

const KERNELS = ['stock', 'own'] as const;
type Kernel = (typeof KERNELS)[number];

function requireLab(context: Mocha.Context): void {
  if (process.env['KVM_FAULTLAB_LAB'] !== undefined) skip(context, 'this is the lab', { hostCannot: true });
  if (spawnSync('qemu-system-x86_64', ['--version']).status !== 0) skip(context, 'qemu-system-x86_64 is not installed');
}

/** Fetching the stock kernel takes seconds, building the own one minutes: a test does that in CI alone. */
async function requireKernel(context: Mocha.Context, kernel: Kernel): Promise<void> {
  if (kernel === 'stock' || process.env['CI'] !== undefined) return;
  const { isOwnKernelReady } = (await import(join(SCRIPTS, 'kernel/own.js'))) as { isOwnKernelReady: () => boolean };
  if (!isOwnKernelReady()) skip(context, 'the own kernel is not built: npm run lab:build');
}

for (const kernel of KERNELS) {
  describe(`the lab with the ${kernel} kernel`, function () {
    this.timeout(LIMIT_MS);
    let out = '';

    before(async function () {
      requireLab(this);
      await requireKernel(this, kernel);
      out = mkdtempSync(join(tmpdir(), 'lab-test-'));
    });
    after(() => {
      if (out !== '') rmSync(out, { recursive: true });
    });

    it('is an SVM host; brings back exit code, both outputs and files of --out, and nothing else', () => {
      const script = 'cat /sys/module/kvm_amd/parameters/npt; uname -r >&2; echo kept > "$0/file"; echo lost > dist/lost-in-the-lab; exit 7';
      const { code, stdout, stderr } = lab('--kernel', kernel, '--out', out, 'sh', '-c', script, out);
      assert.equal(code, 7, stderr);
      assert.match(stdout, /^[1Y]\n$/);
      assert.match(stderr, kernel === 'own' ? /^6\.12\.\d+-faultlab-[0-9a-f]{12}$/m : /^6\.12\.\d+\+deb\d+-amd64$/m);
      assert.equal(readFileSync(join(out, 'file'), 'utf8'), 'kept\n');
      assert(!readdirSync(fileURLToPath(new URL('../..', import.meta.url))).includes('lost-in-the-lab'), 'the checkout was changed');
    });

    it('passes doctor, which shows the types of VM that this kernel has', () => {
      const { code, stdout, stderr } = lab('--kernel', kernel, 'kvm-faultlab', 'doctor');
      assert.equal(code, 0, stderr);
      // Bit 1: KVM_X86_SW_PROTECTED_VM, which brings guest_memfd.
      assert.match(stdout, kernel === 'own' ? /KVM_CAP_VM_TYPES +3 / : /KVM_CAP_VM_TYPES +1 /);
    });

    it('runs the tests of what only the own kernel has, there alone', () => {
      // Without CI, in which a run of skipped tests alone fails, as it should.
      const { code, stdout, stderr } = lab('--kernel', kernel, 'env', '-u', 'CI', 'npx', 'mocha', '--grep', 'memory-fault exit of the lab');
      assert.equal(code, 0, stderr);
      assert.match(stdout, kernel === 'own' ? /^[1-9]\d* passed, 0 failed, 0 skipped$/m : /^0 passed, 0 failed, [1-9]\d* skipped$/m);
    });

    it('passes Ctrl-C on to the command', async () => {
      const child = await startedLab(kernel, 'trap "exit 5" INT; echo started; while :; do sleep 0.1; done');
      child.kill('SIGINT');
      await poll('the lab to end after SIGINT', 120_000, () => child.exitCode !== null);
      assert.equal(child.exitCode, 5);
    });

    it('leaves no QEMU behind when it is killed', async () => {
      const child = await startedLab(kernel, 'echo started; sleep 600');
      const qemus = qemusOf(Number(child.pid));
      assert.equal(qemus.length, 1);
      child.kill('SIGKILL');
      await poll('QEMU to end with its parent', 10_000, () => qemus.every(isGone));
    });
  });
}

describe('the lab', function () {
  this.timeout(LIMIT_MS);

  before(function () {
    requireLab(this);
  });

  it('ends a command that outlasts --limit, and says what it waited for', () => {
    const { code, stderr } = lab('--limit', '1', 'sleep', '600');
    assert.equal(code, 70);
    assert.match(stderr, /STEP_TIMED_OUT: waited 1 s for the command to end/);
  });

  it('counts boots that failed, and shows what they printed', () => {
    const { code, stdout } = command('boots', '--kernel', 'stock', '--boots', '2', 'sh', '-c', 'echo no such luck; exit 3');
    assert.equal(code, 1);
    assert.match(stdout, /^stock +1\/2 {2}FAILED .*\n {2}\| the command ended with code 3\n {2}\| no such luck\nstock +2\/2 {2}FAILED/m);
    assert.match(stdout, /^0 boots passed, 2 failed$/m);
  });

  it('refuses bad options with code 64 and no boot', () => {
    const refused: readonly (readonly [Parameters<typeof command>[0], ...string[]])[] = [
      ['main'],
      ['main', '--turbo', 'true'],
      ['main', '--limit', 'soon', 'true'],
      ['main', '--memory', '1', 'true'],
      ['main', '--kernel', 'all', 'true'],
      ['main', '--kernel'],
      ['boots', '--boots', '0'],
      ['boots', '--out', 'dist', 'true'],
      ['build', '--kernel', 'custom'],
      ['build', 'stock'],
    ];
    for (const [script, ...args] of refused) {
      const { code, stderr } = command(script, ...args);
      assert.equal(code, 64, `${script} ${args.join(' ')}`);
      assert.match(stderr, /usage: npm run lab/);
    }
  });
});
