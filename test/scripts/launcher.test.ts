import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { patience } from '../support/slowness.js';

const LAUNCHER = fileURLToPath(new URL('../../../scripts/kvm-faultlab.js', import.meta.url));
const LIMIT_MS = patience(40_000);

/** Runs the command where it would find no QEMU: what asks for a boot fails at once. */
function launch(args: readonly string[], changes: NodeJS.ProcessEnv = {}): { code: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, KVM_FAULTLAB_LAB: undefined, PATH: '/nowhere', ...changes };
  const { status, stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, ...args], { cwd: tmpdir(), encoding: 'utf8', timeout: LIMIT_MS, env });
  return { code: status, stdout, stderr };
}

describe('--lab without a boot', () => {
  it('is in the help of the program and of each command', () => {
    for (const args of [['--help'], ['--lab', '--help'], ['bench', '--help'], ['compare', '--lab', '--help'], ['--lab', 'help', 'doctor']]) {
      const { code, stdout, stderr } = launch(args);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /--lab-kernel <name>\s+its kernel: stock or own \(default:\s+stock\)/, args.join(' '));
    }
  });

  const refused: readonly [title: string, args: readonly string[], message: RegExp][] = [
    ['an unknown kernel', ['--lab', '--lab-kernel', 'newest', 'doctor'], /--lab-kernel takes stock, own/],
    ['a kernel without a name', ['doctor', '--lab-kernel'], /--lab-kernel takes stock, own/],
    ['a limit that is no number', ['--lab-limit=soon', 'doctor'], /--lab-limit takes a whole number from 1/],
    ['too little memory', ['--lab', '--lab-memory', '1', 'doctor'], /--lab-memory takes a whole number from 512/],
    ['no command', ['--lab'], /Usage:/],
    ['an unknown command', ['--lab', 'bnech'], /bnech/],
    ['an option that the command does not have', ['--lab', 'doctor', '--turbo'], /unknown option '--turbo'/],
    ['a value that the command does not take', ['bench', '--lab', '--latency', 'fast'], /--latency must be a duration/],
    ['a report that could not be brought back', ['bench', '--lab', '--json', '/nowhere/report.json'], /REPORT_UNWRITABLE/],
    ['a report that is a directory', ['bench', '--lab', '--json', tmpdir()], /it is a directory.*REPORT_UNWRITABLE/],
  ];
  for (const [title, args, message] of refused) {
    it(`refuses ${title} with code 2 before anything is prepared`, () => {
      const { code, stdout, stderr } = launch(args);
      assert.match(stderr, message);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.doesNotMatch(stderr, /^\s+at /m, 'a stack was printed');
    });
  }

  it('says how to install QEMU where there is none', () => {
    const { code, stderr } = launch(['--lab', 'doctor']);
    assert.match(stderr, /TOOL_MISSING: .*apt-get install .*qemu-system-x86/);
    assert.equal(code, 69);
  });

  it('is refused in the lab itself', () => {
    const { code, stderr } = launch(['doctor', '--lab-kernel=own'], { KVM_FAULTLAB_LAB: 'emulated' });
    assert.match(stderr, /ALREADY_IN_LAB/);
    assert.equal(code, 69);
  });

  it('is not taken for an option after --', () => {
    const { code, stderr } = launch(['doctor', '--', '--lab']);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /too many arguments for 'doctor'/);
  });
});
