import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LIMIT_MS = 50_000;

interface Run {
  readonly exitCode: number | null;
  readonly stderr: string;
}

describe('the set-up of a checkout', () => {
  let checkout: string;

  /** A checkout whose only step to do is a guest that notes each time it is built. */
  beforeEach(() => {
    checkout = mkdtempSync(join(tmpdir(), 'bootstrap-'));
    cpSync(join(ROOT, 'scripts'), join(checkout, 'scripts'), { recursive: true });
    mkdirSync(join(checkout, 'guest'));
    makefile('true');
    writeFileSync(
      join(checkout, 'run.mjs'),
      "import { bootstrap } from './scripts/bootstrap.js';\nimport { exitWith } from './scripts/setup/failure.js';\n" +
        "await bootstrap({ only: ['guest'], optional: process.argv.includes('optional') ? ['guest'] : [] }).catch(exitWith);\n",
    );
  });

  afterEach(() => {
    rmSync(checkout, { recursive: true, force: true });
  });

  const makefile = (command: string): void => {
    writeFileSync(join(checkout, 'guest/Makefile'), `all:\n\techo built >> ../builds\n\t${command}\n\tmkdir -p build && touch build/guest.elf\n`);
  };

  const builds = (): number => (existsSync(join(checkout, 'builds')) ? readFileSync(join(checkout, 'builds'), 'utf8').trim().split('\n').length : 0);

  interface Options {
    readonly args?: readonly string[];
    readonly path?: string;
    /** Told everything printed so far, each time there is more. */
    readonly watch?: (stderr: string) => void;
  }

  function setUp({ args = [], path = process.env['PATH'] ?? '', watch }: Options = {}): Promise<Run> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(checkout, 'run.mjs'), ...args], { timeout: LIMIT_MS, env: { ...process.env, PATH: path }, stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
        watch?.(stderr);
      });
      child.on('error', reject);
      child.on('close', (exitCode) => {
        resolve({ exitCode, stderr });
      });
    });
  }

  it('does a step once, silently nothing the second time, and again when a source changed', async () => {
    assert.equal((await setUp()).exitCode, 0);
    const second = await setUp();
    assert.deepEqual(second, { exitCode: 0, stderr: '' });
    assert.equal(builds(), 1);
    makefile('echo changed');
    assert.equal((await setUp()).exitCode, 0);
    assert.equal(builds(), 2);
  });

  it('does a step again when its result is gone', async () => {
    await setUp();
    rmSync(join(checkout, 'guest/build'), { recursive: true });
    assert.equal((await setUp()).exitCode, 0);
    assert.equal(builds(), 2);
  });

  it('lets only one of two runs build, and both succeed', async () => {
    // The one that builds goes on when the other says that it waits.
    makefile('while [ ! -e ../go ]; do sleep 0.05; done');
    const watch = (stderr: string): void => {
      if (stderr.includes('waiting for another set-up')) writeFileSync(join(checkout, 'go'), '');
    };
    const runs = await Promise.all([setUp({ watch }), setUp({ watch })]);
    assert.deepEqual(runs.map(({ exitCode }) => exitCode), [0, 0], runs.map(({ stderr }) => stderr).join());
    assert.equal(builds(), 1);
  });

  it('reports a failed step with its code, command and log, and tries again the next time', async () => {
    makefile('echo the guest is broken >&2; false');
    const { exitCode, stderr } = await setUp();
    assert.equal(exitCode, 70);
    assert.match(stderr, /STEP_FAILED: `make -C guest.*failed \(exit code 2\)/);
    assert.match(stderr, /\| the guest is broken/);
    makefile('true');
    assert.equal((await setUp()).exitCode, 0);
  });

  it('names a missing tool and its Debian package', async () => {
    mkdirSync(join(checkout, 'bin'));
    const tools = join(checkout, 'bin');
    // The lock is taken with flock; make, gcc and ld are away.
    writeFileSync(join(tools, 'flock'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const { exitCode, stderr } = await setUp({ path: tools });
    assert.equal(exitCode, 69);
    assert.match(stderr, /TOOL_MISSING: building the guest needs make, gcc, ld, .*apt-get install -y make gcc binutils/);
  });

  it('goes on without an optional step, and says why', async () => {
    makefile('false');
    const { exitCode, stderr } = await setUp({ args: ['optional'] });
    assert.equal(exitCode, 0);
    assert.match(stderr, /going on without: `make/);
  });

  it('passes a signal on and leaves no child and no stamp', async () => {
    makefile('echo $$PPID > ../make.pid; sleep 45');
    const child = spawn(process.execPath, [join(checkout, 'run.mjs')], { timeout: LIMIT_MS, stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const deadline = Date.now() + LIMIT_MS;
    while (!existsSync(join(checkout, 'make.pid')) || readFileSync(join(checkout, 'make.pid'), 'utf8') === '') {
      assert.ok(Date.now() < deadline, 'make never started');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGINT');
    assert.equal(await ended, 130);
    const make = Number(readFileSync(join(checkout, 'make.pid'), 'utf8'));
    assert.throws(() => process.kill(make, 0), { code: 'ESRCH' });
    assert.equal(existsSync(join(checkout, '.bootstrap/stamps.json')), false);
  });
});
