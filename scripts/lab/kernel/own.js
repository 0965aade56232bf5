/** The own kernel: Debian's source, a small configuration, the patches in patches/. Built once for each state of its inputs. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { inRoot } from '../../setup/checkout.js';
import { SetupFailure } from '../../setup/failure.js';
import { filesBelow, fingerprint } from '../../setup/fingerprint.js';
import { requireTools } from '../../setup/tools.js';
import { cachedDirectory, inCache, withCacheLock } from '../cache.js';
import { runTool } from '../run-tool.js';
import { elapsed, say } from '../steps.js';
import { candidateVersion } from './apt.js';
import { BUILD_COMMANDS, BUILD_SIZE_BYTES, buildKernel } from './build.js';
import { parseFragment } from './fragment.js';

const SOURCE_PACKAGE = 'linux-source-6.12';
const CONFIG = inRoot('scripts/lab/kernel/config');
const PATCHES = inRoot('scripts/lab/kernel/patches');
const PREFIX = 'own-6.12-';
/** What it took on one CPU of an EPYC, and what does not get faster with more. */
const COMPILE_CPU_MINUTES = 10;
const OTHER_MINUTES = 1;

/** @typedef {import('./index.js').Kernel} Kernel */

/** @returns {string[]} in the order in which they are applied */
const patches = () => filesBelow(PATCHES).filter((path) => path.endsWith('.patch'));

/**
 * All that decides what comes out but the version of the source.
 * @returns {string} a short hash
 * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED when the configuration is no fragment
 */
function recipe() {
  requireTools('building the own kernel', ['gcc', 'ld']);
  const tools = ['gcc', 'ld'].map((tool) => runTool([tool, '--version'], { purpose: 'building the own kernel', limitSeconds: 20 }).split('\n')[0] ?? '');
  // Comments and order decide nothing.
  const options = [...parseFragment(readFileSync(CONFIG, 'utf8'))].map(([name, value]) => `${name}=${value}`).sort();
  return fingerprint(patches(), ...options, ...tools, ...BUILD_COMMANDS.flat()).slice(0, 12);
}

/**
 * @param {string} directory a complete one
 * @returns {Kernel} in it
 */
const kernelIn = (directory) => ({ release: readFileSync(join(directory, 'release'), 'utf8').trim(), image: join(directory, 'bzImage'), modules: undefined });

/**
 * @param {string} recipeHash of the wanted kernels
 * @returns {string | undefined} the latest of them, whatever version its source has
 */
function latestCached(recipeHash) {
  if (!existsSync(inCache())) return undefined;
  return readdirSync(inCache())
    .filter((name) => name.startsWith(PREFIX) && name.endsWith(`-${recipeHash}`))
    .map((name) => inCache(name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}

/**
 * Where the own kernel of this checkout is or will be: in a directory named after the hash of what it is made from.
 * @returns {{ directory: string, recipeHash: string, version: string | undefined, isCached: boolean }} version: undefined when apt knows none
 * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED; NETWORK when apt knows no version and none is cached
 */
function locateOwnKernel() {
  const recipeHash = recipe();
  let version;
  try {
    version = candidateVersion(SOURCE_PACKAGE);
  } catch (error) {
    // Without apt or its lists, a kernel that was built from an earlier version will do.
    const latest = latestCached(recipeHash);
    if (latest === undefined) throw error;
    return { directory: latest, recipeHash, version: undefined, isCached: true };
  }
  const directory = inCache(`${PREFIX}${version}-${recipeHash}`);
  return { directory, recipeHash, version, isCached: existsSync(directory) };
}

/** @returns {boolean} whether the next boot needs no build */
export function isOwnKernelReady() {
  try {
    return locateOwnKernel().isCached;
  } catch (error) {
    if (error instanceof SetupFailure) return false;
    throw error;
  }
}

/** @returns {string} of a build, about */
function duration() {
  const cpus = availableParallelism();
  return `about ${String(Math.ceil(COMPILE_CPU_MINUTES / cpus) + OTHER_MINUTES)} minutes on ${String(cpus)} CPU(s)`;
}

/** @returns {string} what there is to do, in one line */
export function ownKernelWork() {
  return `fetches ${SOURCE_PACKAGE} (about 155 MB), applies ${String(patches().length)} patch(es) and compiles it: ${duration()}, 2.5 GB of disk for as long`;
}

/**
 * @returns {Promise<Kernel>} where it is; built first unless it is cached
 * @throws {SetupFailure} TOOL_MISSING, NETWORK, STEP_FAILED, STEP_TIMED_OUT, STATE_UNWRITABLE, DISK_FULL, LOCK_TIMED_OUT
 */
export async function ownKernel() {
  const { directory, recipeHash, version, isCached } = locateOwnKernel();
  if (isCached || version === undefined) return kernelIn(directory);
  try {
    await withCacheLock('own-kernel.lock', 'build of the lab\'s kernel', async () => {
      if (existsSync(directory)) return;
      const started = performance.now();
      say(`building the own kernel, once: ${duration()}`);
      const plan = { source: `${SOURCE_PACKAGE}=${version}`, config: CONFIG, patches: patches(), recipeHash };
      await cachedDirectory(directory, { sizeBytes: BUILD_SIZE_BYTES, fill: (draft) => buildKernel({ ...plan, draft }) });
      say(`built in ${elapsed(started)}: ${directory}`);
    });
  } catch (error) {
    const latest = error instanceof SetupFailure && error.code === 'NETWORK' ? latestCached(recipeHash) : undefined;
    if (latest === undefined) throw error;
    say(`${SOURCE_PACKAGE} ${version} cannot be fetched; taking the kernel that was built from an earlier version`);
    return kernelIn(latest);
  }
  return kernelIn(directory);
}
