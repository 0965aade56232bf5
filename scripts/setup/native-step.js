/** The addon: a prebuild of these very sources where there is one, else compiled. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { ROOT, inRoot } from './checkout.js';
import { SetupFailure } from './failure.js';
import { filesBelow, fingerprint } from './fingerprint.js';
import { runLogged } from './run-logged.js';
import { localNodeHeaders, requireTools } from './tools.js';

const PREBUILDS = 'prebuilds/linux-x64';
/** Beside the prebuilds: the fingerprint of the sources they were built from. */
export const PREBUILD_STAMP = inRoot(PREBUILDS, 'sources.sha256');

/**
 * @param {string} directory below the root
 * @returns {boolean} whether it holds an addon
 */
const holdsAddon = (directory) => existsSync(inRoot(directory)) && readdirSync(inRoot(directory)).some((name) => name.endsWith('.node'));

/**
 * @returns {string} the version of node-addon-api, whose headers are compiled in
 */
function nodeAddonApiVersion() {
  const lock = /** @type {{ packages: Record<string, { version?: string }> }} */ (JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')));
  return lock.packages['node_modules/node-addon-api']?.version ?? '';
}

/** @returns {string} what the addon is made from */
export const nativeFingerprint = () =>
  fingerprint([...filesBelow(inRoot('native')), ...filesBelow(inRoot('binding.gyp'))], process.arch, nodeAddonApiVersion());

/**
 * Tried in a process of its own: a bad addon may take its process with it.
 * @returns {string} why the addon does not load; empty when it does
 */
function whyNotLoadable() {
  const load = "require('node-gyp-build')(process.cwd())";
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', load], { cwd: ROOT, encoding: 'utf8', timeout: 60_000 });
  if (status === 0) return '';
  return signal === null ? stderr.trim() : `ended by ${signal}`;
}

/** @returns {boolean} whether the prebuilds come from the sources as they are now */
function prebuildIsOfTheseSources() {
  try {
    return readFileSync(PREBUILD_STAMP, 'utf8').trim() === nativeFingerprint();
  } catch {
    return false;
  }
}

/** @returns {Promise<void>} when the addon is there and loads */
async function buildAddon() {
  // node-gyp-build prefers build/Release, so a prebuild counts only where nothing was compiled.
  if (!holdsAddon('build/Release') && holdsAddon(PREBUILDS) && prebuildIsOfTheseSources() && whyNotLoadable() === '') return;
  requireTools('building the native addon', ['g++', 'make', 'python3']);
  const headers = localNodeHeaders();
  const command = [process.execPath, inRoot('node_modules/node-gyp/bin/node-gyp.js'), 'rebuild', '-j', 'max', '--loglevel', 'error'];
  if (headers !== undefined && process.env.npm_config_nodedir === undefined) command.push(`--nodedir=${headers}`);
  const networkHint = 'node-gyp downloads the headers of this Node, which did not bring its own; set npm_config_nodedir to a prefix that has include/node';
  await runLogged({ name: 'native', command, limitSeconds: 1800, networkHint });
  const reason = whyNotLoadable();
  if (reason !== '') throw new SetupFailure('STEP_FAILED', 'the native addon was built but does not load', reason);
}

/** @type {import('./steps.js').Step} */
export const nativeStep = {
  name: 'native',
  label: 'building the native addon',
  fingerprint: nativeFingerprint,
  isCurrent: () => holdsAddon('build/Release') || holdsAddon(PREBUILDS),
  run: buildAddon,
};
