import { strict as assert } from 'node:assert';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { skip } from '../support/skip.js';
import { poll } from './support/poll.js';
import { ToyKernel, type Run } from './support/toy-kernel.js';

const BROKEN_CONFIG = 'CONFIG_FAULTS=y\nCONFIG_NO_SUCH_OPTION=y\nCONFIG_TINY=n\n';
const OFFLINE = 'echo "E: Failed to fetch http://deb.example/linux-source.deb  Temporary failure resolving deb.example" >&2; exit 100';

async function ended(child: ChildProcess): Promise<Run> {
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => { resolve({ code, stderr }); }));
}

/** Processes whose environment names the directory: what a build of it started and did not end. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(directory) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return false;
    }
  });
}

describe('the build of the own kernel', function () {
  this.timeout(120_000);
  let toy: ToyKernel;

  before(function () {
    if (!existsSync('/usr/include/gelf.h')) skip(this, 'libelf-dev is not installed');
    for (const tool of ['dpkg-deb', 'patch', 'xz']) if (spawnSync(tool, ['--version']).status !== 0) skip(this, `${tool} is not installed`);
  });
  beforeEach(() => {
    toy = new ToyKernel();
  });
  afterEach(() => {
    toy.close();
  });

  function builds(): void {
    const { code, stderr } = toy.build();
    assert.equal(code, 0, stderr);
  }

  function fails(expected: number, ...messages: RegExp[]): void {
    const { code, stderr } = toy.build();
    assert.equal(code, expected, stderr);
    for (const message of messages) assert.match(stderr, message);
    assert.deepEqual(toy.cached(), [], 'a failed build left something in the cache');
  }

  it('keeps image, configuration and release, and no source; says what it does; does it once', () => {
    const first = toy.build();
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /applies 1 patch.* about \d+ minutes on \d+ CPU/);
    for (const step of ['fetching', 'unpacking', 'applying', 'configuring', 'compiling']) assert.match(first.stderr, new RegExp(`lab: ${step}.* \\.\\.\\. [\\d.]+ s`));
    const [name = ''] = toy.cached();
    assert.deepEqual(readdirSync(join(toy.cache, 'kvm-faultlab', name)).sort(), ['bzImage', 'config', 'release']);
    assert.equal(toy.read('bzImage'), 'patched\n');
    assert.match(toy.read('config'), /CONFIG_FAULTS=y/);
    assert.match(toy.read('release'), /^6\.12\.1-toy-[0-9a-f]{12}\n$/);
    const second = toy.build();
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stderr, /there already/);
    assert.equal(toy.compilations, 1);
  });

  it('keeps the logs of a checkout in it, those of an installed package in the cache', () => {
    builds();
    assert(existsSync(join(toy.directory, '.bootstrap/lab-kernel-make.log')));
    const [kernel = ''] = toy.cached();
    toy.install();
    toy.apt('6.12.2-1');
    builds();
    assert.deepEqual(toy.cached().sort(), ['logs', kernel, kernel.replace('6.12.1-1', '6.12.2-1')]);
    assert(existsSync(join(toy.cache, 'kvm-faultlab/logs/lab-kernel-make.log')));
  });

  it('builds anew when configuration, patches, compiler or source changed, and for nothing else', () => {
    builds();
    const changes: (() => void)[] = [
      () => { toy.write('scripts/lab/kernel/config', 'CONFIG_FAULTS=y\n'); },
      () => { toy.write('scripts/lab/kernel/patches/0002-more.patch', '--- a/driver.c\n+++ b/driver.c\n@@ -1 +1 @@\n-patched\n+patched twice\n'); },
      () => { renameSync(join(toy.patches, '0002-more.patch'), join(toy.patches, '0003-more.patch')); },
      () => { toy.program('gcc', 'echo "gcc (Toy) 2.0"'); },
      () => { toy.apt('6.12.2-1'); },
    ];
    for (const [at, change] of changes.entries()) {
      change();
      builds();
      assert.equal(toy.compilations, at + 2);
      assert.equal(toy.cached().length, at + 2);
    }
    toy.write('scripts/lab/kernel/patches/README', 'not a patch');
    toy.write('scripts/lab/kernel/config', '# what the faults need\n\nCONFIG_FAULTS=y\n');
    builds();
    assert.equal(toy.compilations, changes.length + 1);
  });

  it('compiles once for two that start at once', async () => {
    toy.compile('sleep 1');
    const runs = await Promise.all([ended(toy.start()), ended(toy.start())]);
    for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
    assert.equal(runs.filter(({ stderr }) => stderr.includes('waiting for another build')).length, 1);
    assert.equal(toy.compilations, 1);
  });

  it('names the lines of the configuration that did not take', () => {
    toy.write('scripts/lab/kernel/config', BROKEN_CONFIG);
    fails(70, /STEP_FAILED: .*2 line\(s\) of scripts\/lab\/kernel\/config/, /CONFIG_NO_SUCH_OPTION=y \(is n\)/, /CONFIG_TINY=n \(is y\)/);
    assert.equal(toy.compilations, 0);
  });

  it('names a line of the configuration that is none, or that is there twice, before it fetches anything', () => {
    toy.apt('6.12.1-1', 'echo fetched >&2; exit 1');
    toy.write('scripts/lab/kernel/config', '# comment\nCONFIG_FAULTS is y\n');
    fails(70, /STEP_FAILED: .*line 2, is no CONFIG_NAME=value: CONFIG_FAULTS is y/);
    toy.write('scripts/lab/kernel/config', 'CONFIG_FAULTS=y\n\nCONFIG_FAULTS=n\n');
    fails(70, /STEP_FAILED: .*line 3, sets CONFIG_FAULTS again/);
  });

  it('names the patch that does not apply, with what patch said', () => {
    toy.write('scripts/lab/kernel/patches/0002-late.patch', '--- a/driver.c\n+++ b/driver.c\n@@ -1 +1 @@\n-as it was\n+again\n');
    fails(70, /applying 2 patch\(es\) \.\.\. failed/, /STEP_FAILED: .*0002-late\.patch/, /Hunk #1 FAILED/);
  });

  it('shows the end of a failed compilation; the next build is not misled', () => {
    toy.compile('echo "driver.c:1: error: no such fault" >&2; exit 1');
    fails(70, /compiling \.\.\. failed/, /STEP_FAILED/, /error: no such fault/);
    toy.compile('true');
    builds();
  });

  it('says what is missing and the line that installs it, before it fetches anything', () => {
    toy.remove('flex');
    toy.remove('bc');
    toy.apt('6.12.1-1', 'echo fetched >&2; exit 1');
    fails(69, /TOOL_MISSING: .*flex, bc.*apt-get install -y flex bc/);
  });

  it('without a network is an error that says so', () => {
    toy.apt('6.12.1-1', OFFLINE);
    fails(75, /NETWORK: .*Temporary failure resolving|NETWORK: .*Failed to fetch/);
    toy.program('apt-cache', 'printf "N: Unable to locate package\\n"');
    fails(75, /NETWORK: apt knows no package linux-source-6\.12/);
  });

  it('without a network takes a kernel of an earlier source, and says so', () => {
    builds();
    toy.apt('6.12.2-1', OFFLINE);
    const { code, stderr } = toy.build();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /6\.12\.2-1 cannot be fetched; taking the kernel that was built from an earlier version/);
    toy.program('apt-cache', 'printf "N: Unable to locate package\\n"');
    builds();
    assert.equal(toy.compilations, 1);
  });

  it('a cache that cannot be written is a coded error', () => {
    writeFileSync(toy.cache, 'a file');
    const { code, stderr } = toy.build();
    assert.equal(code, 73, stderr);
    assert.match(stderr, /STATE_UNWRITABLE: .*XDG_CACHE_HOME/);
    rmSync(toy.cache);
  });

  it('a disk without room is refused before anything is fetched', function () {
    if (spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status !== 0) skip(this, 'no mount namespaces for this user', { hostCannot: true });
    toy.write('cache/kvm-faultlab/here', '');
    toy.apt('6.12.1-1', 'echo fetched >&2; exit 1');
    const { code, stderr } = toy.build('unshare', '-rm', 'sh', '-c', `mount -t tmpfs -o size=64m tmpfs ${toy.cache} && exec "$@"`, 'sh');
    assert.equal(code, 73, stderr);
    assert.match(stderr, /DISK_FULL: .* takes 2\.5 GB .* 0\.1 GB are free/);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`${signal} leaves no process behind, and nothing that the next build takes for a kernel`, async () => {
      toy.compile(`echo started >${toy.directory}/started; sleep 600 & sleep 600`);
      const build = toy.start();
      const end = ended(build);
      await poll('the compilation to start', 60_000, () => existsSync(join(toy.directory, 'started')));
      build.kill(signal);
      assert.notEqual((await end).code, 0);
      await poll('what the build started to end', 20_000, () => processesOf(toy.directory).length === 0);
      if (signal !== 'SIGKILL') assert.deepEqual(toy.cached(), []);
      toy.compile('true');
      builds();
      assert.equal(toy.cached().length, 1, toy.cached().join(' '));
    });
  }
});
