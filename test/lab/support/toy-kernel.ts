import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const LIMIT_MS = 60_000;
/** Programs that the build takes from the machine; all else is ours or missing. */
const FROM_HOST = ['sh', 'node', 'flock', 'dpkg', 'dpkg-deb', 'tar', 'xz', 'make', 'patch', 'perl', 'ld', 'cp', 'mv', 'rm', 'cat', 'echo', 'grep', 'mkdir', 'sleep', 'mount', 'unshare', 'sed'];

/** Has a kernel's make goals and takes no time. `compile.sh` in `directory` is what a test makes of the compilation. */
const makefile = (directory: string): string => `
tinyconfig:
\techo '# CONFIG_FAULTS is not set' >.config
olddefconfig:
\tgrep -v CONFIG_NO_SUCH_OPTION .config >.config.new; echo CONFIG_TINY=y >>.config.new; mv .config.new .config
bzImage:
\techo compiled >>${directory}/compilations
\tsh ${directory}/compile.sh
\tmkdir -p arch/x86/boot include/config
\tcat driver.c >arch/x86/boot/bzImage
\techo "6.12.1-toy$(LOCALVERSION)" >include/config/kernel.release
`;

export interface Run {
  readonly code: number | null;
  readonly stderr: string;
}

/**
 * A copy of the lab's scripts whose kernel is a toy that builds in no time, an apt of its own, and an empty cache: the build's steps, lock
 * and cache are the real ones.
 */
export class ToyKernel {
  readonly directory = mkdtempSync(join(tmpdir(), 'toy-kernel-'));
  readonly cache = join(this.directory, 'cache');
  readonly #bin = join(this.directory, 'bin');

  constructor() {
    const { directory } = this;
    cpSync(join(ROOT, 'scripts'), join(directory, 'scripts'), { recursive: true });
    this.write('package.json', '{ "type": "module" }');
    // What tells a checkout, whose logs stay in it, from an installed package, whose logs go to the cache.
    this.write('tsconfig.json', '{}');
    rmSync(this.patches, { recursive: true });
    this.write('scripts/lab/kernel/config', '# a comment\nCONFIG_FAULTS=y\nCONFIG_MODULES=n\n');
    this.write('scripts/lab/kernel/patches/0001-better.patch', '--- a/driver.c\n+++ b/driver.c\n@@ -1 +1 @@\n-as it was\n+patched\n');
    this.compile('true');
    mkdirSync(this.#bin);
    for (const tool of FROM_HOST) symlinkSync(tool === 'node' ? process.execPath : execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(), join(this.#bin, tool));
    for (const tool of ['flex', 'bison', 'bc']) this.program(tool, 'true');
    this.program('gcc', 'echo "gcc (Toy) 1.0"');
    this.apt('6.12.1-1');
    this.#package();
  }

  get patches(): string {
    return join(this.directory, 'scripts/lab/kernel/patches');
  }

  /** A file of the copied checkout. */
  write(path: string, content: string): void {
    const file = join(this.directory, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content);
  }

  /** What the compilation does. */
  compile(script: string): void {
    this.write('compile.sh', script);
  }

  /** Makes an installed package of the checkout. */
  install(): void {
    rmSync(join(this.directory, 'tsconfig.json'));
  }

  /** Puts a shell script into the only directory of PATH. */
  program(name: string, script: string): void {
    const file = join(this.#bin, name);
    rmSync(file, { force: true });
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }

  remove(tool: string): void {
    rmSync(join(this.#bin, tool));
  }

  /** apt has this version of the source; `download` is what fetching it does. */
  apt(version: string, download = `cp ${join(this.directory, 'source.deb')} .`): void {
    this.program('apt-cache', `printf 'linux-source-6.12:\\n  Installed: (none)\\n  Candidate: ${version}\\n'`);
    this.program('apt-get', download);
  }

  get #environment(): NodeJS.ProcessEnv {
    return { PATH: this.#bin, XDG_CACHE_HOME: this.cache, HOME: this.directory, TMPDIR: this.directory, KBUILD_OUTPUT: 'elsewhere', LOCALVERSION: '-other' };
  }

  get #log(): string {
    return join(this.directory, 'compilations');
  }

  /** `npm run lab:build -- --kernel own`, behind `prefix` where there is one. */
  build(...prefix: string[]): Run {
    const [program = '', ...args] = [...prefix, process.execPath, ...this.#command];
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', env: this.#environment, timeout: LIMIT_MS });
    return { code: status, stderr };
  }

  start(): ChildProcess {
    return spawn(process.execPath, this.#command, { env: this.#environment, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  get #command(): string[] {
    return [join(this.directory, 'scripts/lab/build.js'), '--kernel', 'own'];
  }

  get compilations(): number {
    return existsSync(this.#log) ? readFileSync(this.#log, 'utf8').trim().split('\n').length : 0;
  }

  /** What the cache holds besides its lock. */
  cached(): string[] {
    const directory = join(this.cache, 'kvm-faultlab');
    return existsSync(directory) ? readdirSync(directory).filter((name) => name !== 'own-kernel.lock') : [];
  }

  /** A file of the only cached kernel. */
  read(file: string): string {
    return readFileSync(join(this.cache, 'kvm-faultlab', this.cached()[0] ?? '', file), 'utf8');
  }

  close(): void {
    rmSync(this.directory, { recursive: true });
  }

  /** source.deb, with the tarball where Debian's has it. */
  #package(): void {
    this.write('linux-source-6.12/Makefile', makefile(this.directory));
    this.write('linux-source-6.12/driver.c', 'as it was\n');
    this.write('package/DEBIAN/control', 'Package: linux-source-6.12\nVersion: 6.12.1-1\nArchitecture: all\nMaintainer: Toy <toy@localhost>\nDescription: toy\n');
    mkdirSync(join(this.directory, 'package/usr/src'), { recursive: true });
    const options = { cwd: this.directory, stdio: 'ignore' } as const;
    execFileSync('tar', ['-cJf', 'package/usr/src/linux-source-6.12.tar.xz', 'linux-source-6.12'], options);
    execFileSync('dpkg-deb', ['--build', 'package', 'source.deb'], options);
  }
}
