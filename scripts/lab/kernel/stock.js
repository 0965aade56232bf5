/** Debian's own kernel, unpacked and not installed. */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from '../../setup/failure.js';
import { cachedDirectory, inCache } from '../cache.js';
import { timedStep } from '../steps.js';
import { dependency, fetchPackage } from './apt.js';

/** Names the newest package of this series that the configured sources have. */
const META_PACKAGE = 'linux-image-6.12-amd64';

/** @typedef {import('./index.js').Kernel} Kernel */

/** @param {string} draft an empty directory */
async function download(draft) {
  const name = dependency(META_PACKAGE, /^linux-image-/);
  const unpacked = join(draft, 'unpacked');
  mkdirSync(unpacked);
  await timedStep(`fetching ${name} (about 110 MB, once)`, () => fetchPackage(name, unpacked));
  // Debian 13 and later have /lib in /usr.
  const modules = [join(unpacked, 'lib/modules'), join(unpacked, 'usr/lib/modules')].find((path) => existsSync(path));
  if (modules === undefined) throw new SetupFailure('STEP_FAILED', `${name} has no modules`);
  renameSync(modules, join(draft, 'modules'));
  renameSync(join(unpacked, 'boot'), join(draft, 'boot'));
  rmSync(unpacked, { recursive: true });
}

/** Where it is once it was fetched. */
const cached = () => inCache('stock-6.12');

/** @returns {boolean} whether the next boot needs no network */
export const isStockKernelReady = () => existsSync(cached());

/** @returns {string} what there is to do, in one line */
export const stockKernelWork = () => `fetches ${META_PACKAGE} (about 110 MB) and unpacks it: less than a minute on a fast network`;

/**
 * The stock kernel, fetched once. It stays at the version it was fetched in until the cache is deleted.
 * @returns {Promise<Kernel>} where it is
 * @throws {SetupFailure} TOOL_MISSING, NETWORK, STEP_FAILED, STEP_TIMED_OUT, STATE_UNWRITABLE, DISK_FULL
 */
export async function stockKernel() {
  const directory = await cachedDirectory(cached(), { sizeBytes: 800e6, fill: download });
  const [release = ''] = readdirSync(join(directory, 'modules'));
  return { release, image: join(directory, 'boot', `vmlinuz-${release}`), modules: join(directory, 'modules', release) };
}

/**
 * @param {Kernel} kernel that boots
 * @param {string} path of a module below its modules, without a suffix
 * @returns {string | undefined} its file; undefined when it is built in
 * @throws {SetupFailure} STEP_FAILED when the kernel does not have it at all
 */
export function moduleFile({ modules, release }, path) {
  if (modules === undefined) return undefined;
  const file = ['.ko', '.ko.xz', '.ko.zst', '.ko.gz'].map((suffix) => join(modules, `${path}${suffix}`)).find((candidate) => existsSync(candidate));
  if (file !== undefined) return file;
  const builtin = join(modules, 'modules.builtin');
  if (existsSync(builtin) && readFileSync(builtin, 'utf8').split('\n').includes(`${path}.ko`)) return undefined;
  throw new SetupFailure('STEP_FAILED', `the kernel ${release} has no module ${path}, which the lab needs`);
}
