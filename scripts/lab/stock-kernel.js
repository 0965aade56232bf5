/** Debian's own kernel, unpacked and not installed. */
import { existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from '../setup/failure.js';
import { findTool } from '../setup/tools.js';
import { cachedDirectory, inCache } from './cache.js';
import { runTool } from './run-tool.js';

/** Names the newest package of this series that the configured sources have. */
const META_PACKAGE = 'linux-image-6.12-amd64';

/**
 * @typedef {object} Kernel
 * @property {string} release as `uname -r` gives it
 * @property {string} image bzImage
 * @property {string} modules the directory with modules.builtin and kernel/
 */

/** @returns {string} the package with the image, which the meta package depends on */
function imagePackage() {
  const depends = runTool(['apt-cache', 'depends', META_PACKAGE], { purpose: 'looking for the kernel package', limitSeconds: 60 });
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) {
    throw new SetupFailure('NETWORK', `apt knows no ${META_PACKAGE}; run \`apt-get update\` (Debian 12 has it in bookworm-security and bookworm-backports)`);
  }
  return name;
}

/**
 * @param {string} draft an empty directory
 */
function download(draft) {
  if (findTool('apt-get') === undefined || findTool('dpkg') === undefined) {
    throw new SetupFailure('TOOL_MISSING', 'the stock kernel is a Debian package, fetched with apt-get and unpacked with dpkg, which are not in PATH');
  }
  const name = imagePackage();
  process.stderr.write(`lab: fetching ${name} (about 110 MB, once) ... `);
  const started = performance.now();
  // apt checks the package against the signed index; as root it would else complain that its own user cannot write here.
  runTool(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', name], { purpose: 'fetching the kernel package', limitSeconds: 900, directory: draft });
  const file = readdirSync(draft).find((entry) => entry.endsWith('.deb'));
  if (file === undefined) throw new SetupFailure('STEP_FAILED', `apt-get download ${name} left no package`);
  runTool(['dpkg', '-x', join(draft, file), join(draft, 'unpacked')], { purpose: 'unpacking the kernel', limitSeconds: 300 });
  // Debian 13 and later have /lib in /usr.
  const modules = [join(draft, 'unpacked/lib/modules'), join(draft, 'unpacked/usr/lib/modules')].find((path) => existsSync(path));
  if (modules === undefined) throw new SetupFailure('STEP_FAILED', `${name} has no modules`);
  renameSync(modules, join(draft, 'modules'));
  renameSync(join(draft, 'unpacked/boot'), join(draft, 'boot'));
  rmSync(join(draft, 'unpacked'), { recursive: true });
  rmSync(join(draft, file));
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

/**
 * The stock kernel, fetched once. It stays at the version it was fetched in until the cache is deleted.
 * @returns {Promise<Kernel>} where it is
 * @throws {SetupFailure} TOOL_MISSING, NETWORK, STEP_FAILED, STEP_TIMED_OUT, STATE_UNWRITABLE
 */
export async function stockKernel() {
  const directory = await cachedDirectory(inCache('stock-6.12'), download);
  const [release = ''] = readdirSync(join(directory, 'modules'));
  return { release, image: join(directory, 'boot', `vmlinuz-${release}`), modules: join(directory, 'modules', release) };
}

/**
 * @param {Kernel} kernel with its modules
 * @param {string} path of a module below its modules, without a suffix
 * @returns {string | undefined} its file; undefined when it is built in
 * @throws {SetupFailure} STEP_FAILED when the kernel does not have it at all
 */
export function moduleFile({ modules, release }, path) {
  const file = ['.ko', '.ko.xz', '.ko.zst', '.ko.gz'].map((suffix) => join(modules, `${path}${suffix}`)).find((candidate) => existsSync(candidate));
  if (file !== undefined) return file;
  const builtin = join(modules, 'modules.builtin');
  if (existsSync(builtin) && readFileSync(builtin, 'utf8').split('\n').includes(`${path}.ko`)) return undefined;
  throw new SetupFailure('STEP_FAILED', `the kernel ${release} has no module ${path}, which the lab needs`);
}
