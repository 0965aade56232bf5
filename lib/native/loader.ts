/** Finds and loads the native addon: the build in this package, a prebuild shipped with it, or the file the user names. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { FaultLabError } from '../errors/index.js';
import type { NativeAddon } from './addon.js';

/** Environment variable with the path of another `.node` file, such as a build with sanitizers. */
export const ADDON_VARIABLE = 'KVM_FAULTLAB_ADDON';

const require = createRequire(import.meta.url);

let loaded: NativeAddon | undefined;

/**
 * The addon. Loaded at the first call, so that help, reports and documentation work on hosts without it; each Worker loads
 * it for itself. Throws FaultLabError `ADDON_NOT_BUILT` where there is none or it does not load; `cause` is what Node's loader said.
 */
export function nativeAddon(): NativeAddon {
  if (loaded === undefined) {
    const addon = load();
    loaded = addon;
    // Node joins every Worker at exit, and one that waits for a page nobody fills any more would never come back.
    if (isMainThread) {
      process.once('exit', () => {
        addon.releaseAll();
      });
    }
  }
  return loaded;
}

function load(): NativeAddon {
  const named = process.env[ADDON_VARIABLE];
  try {
    if (named !== undefined && named !== '') return require(resolve(named)) as NativeAddon;
    // Required only now: it may be absent where the addon is named or never used.
    const build = require('node-gyp-build') as (packageRoot: string) => NativeAddon;
    return build(packageRoot());
  } catch (cause) {
    throw new FaultLabError('ADDON_NOT_BUILT', explain(named, cause), { cause });
  }
}

function explain(named: string | undefined, cause: unknown): string {
  const words = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the native addon is for Linux on x86-64 only, and this is ${process.platform} on ${process.arch}`;
  }
  if (named !== undefined && named !== '') return `the native addon named by ${ADDON_VARIABLE}, ${named}, does not load: ${words}`;
  return `the native addon is not there or does not load: ${words}`;
}

/** The directory with this package's package.json. Searched for: compiled code is deeper than its source. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!isPackageRoot(directory)) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('the package.json of kvm-faultlab is missing');
    directory = parent;
  }
  return directory;
}

function isPackageRoot(directory: string): boolean {
  const file = join(directory, 'package.json');
  return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }).name === 'kvm-faultlab';
}
