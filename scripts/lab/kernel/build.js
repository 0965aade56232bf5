/** From Debian's source package to a bzImage. */
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { SetupFailure } from '../../setup/failure.js';
import { runLogged } from '../../setup/run-logged.js';
import { requireTools } from '../../setup/tools.js';
import { timedStep } from '../steps.js';
import { fetchPackage } from './apt.js';
import { disagreements, parseFragment } from './fragment.js';

/** The tarball and the tree unpacked from it, then the tree with what is built: 1.9 GB and some room. */
export const BUILD_SIZE_BYTES = 2.5e9;

/** A slow or busy machine with one CPU. */
const COMPILE_LIMIT_SECONDS = 7200;

/** Nothing of who builds it where and when: the same inputs make the same kernel. */
const WHO_AND_WHEN = ['KBUILD_BUILD_USER=kvm-faultlab', 'KBUILD_BUILD_HOST=lab', 'KBUILD_BUILD_TIMESTAMP=1970-01-01'];

/** What make is called with, in order; a part of what decides whether a kernel is built anew. */
export const BUILD_COMMANDS = Object.freeze([['tinyconfig'], ['olddefconfig'], [...WHO_AND_WHEN, 'bzImage']]);

/** Called by the kernel's make; of these, Debian's smallest installations lack all. */
const TOOLS = ['gcc', 'ld', 'make', 'patch', 'flex', 'bison', 'bc', 'perl', 'xz'];

/** objtool, which the kernel's make builds, reads and writes ELF files. */
const HEADERS = { '/usr/include/gelf.h': 'libelf-dev' };

/**
 * Builds in `draft`, which holds bzImage, config and release afterwards, and no source.
 * @param {object} plan what to build
 * @param {string} plan.source the package with its version
 * @param {string} plan.config the fragment's file
 * @param {readonly string[]} plan.patches files, in order
 * @param {string} plan.recipeHash appended to the kernel's release
 * @param {string} plan.draft an empty directory
 * @returns {Promise<void>} when it is complete
 * @throws {SetupFailure} TOOL_MISSING, NETWORK, STEP_FAILED, STEP_TIMED_OUT
 */
export async function buildKernel({ source, config, patches, recipeHash, draft }) {
  requireTools('building the own kernel', TOOLS, HEADERS);
  const fragment = readFileSync(config, 'utf8');
  const wanted = parseFragment(fragment);
  const [tiny = [], complete = [], compile = []] = BUILD_COMMANDS;
  const unpacked = join(draft, 'unpacked');
  mkdirSync(unpacked);
  await timedStep(`fetching ${source} (about 155 MB)`, () => fetchPackage(source, unpacked));

  const tree = join(draft, 'tree');
  mkdirSync(tree);
  await timedStep('unpacking', async () => {
    const directory = join(unpacked, 'usr/src');
    const tarball = readdirSync(directory).find((name) => name.endsWith('.tar.xz'));
    if (tarball === undefined) throw new SetupFailure('STEP_FAILED', `${source} has no tarball in usr/src`);
    await runLogged({ name: 'lab-kernel-unpack', command: ['tar', '-xf', join(directory, tarball), '--strip-components=1'], limitSeconds: 900, directory: tree });
    rmSync(unpacked, { recursive: true });
  });

  await timedStep(`applying ${String(patches.length)} patch(es)`, async () => {
    for (const patch of patches) {
      await runLogged({ name: 'lab-kernel-patch', command: ['patch', '-p1', '--fuzz=0', '--forward', '--batch', '-i', patch], limitSeconds: 60, directory: tree });
    }
  });

  /** @param {string} name of the log @param {readonly string[]} goals of make @param {number} limitSeconds then it is killed */
  const make = (name, goals, limitSeconds) => runLogged({
    name,
    command: ['make', `-j${String(availableParallelism())}`, `LOCALVERSION=-${recipeHash}`, ...goals],
    limitSeconds,
    directory: tree,
    // The kernel's make listens to dozens of variables; what comes out is to depend on none of them.
    environment: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, LC_ALL: 'C', ARCH: 'x86' },
    inherits: false,
  });

  await timedStep('configuring', async () => {
    await make('lab-kernel-tinyconfig', tiny, 300);
    appendFileSync(join(tree, '.config'), fragment);
    await make('lab-kernel-olddefconfig', complete, 300);
    const dropped = disagreements(wanted, readFileSync(join(tree, '.config'), 'utf8'));
    if (dropped.length > 0) {
      throw new SetupFailure('STEP_FAILED', `configuring the own kernel: it did not take ${String(dropped.length)} line(s) of scripts/lab/kernel/${basename(config)}`, dropped.join('\n'));
    }
  });

  await timedStep('compiling', () => make('lab-kernel-make', compile, COMPILE_LIMIT_SECONDS));
  renameSync(join(tree, 'arch/x86/boot/bzImage'), join(draft, 'bzImage'));
  renameSync(join(tree, '.config'), join(draft, 'config'));
  copyFileSync(join(tree, 'include/config/kernel.release'), join(draft, 'release'));
  await timedStep('removing the source', () => { rmSync(tree, { recursive: true }); });
}
