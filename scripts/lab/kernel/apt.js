/** Debian packages, fetched without installing them. apt checks each against the signed index. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from '../../setup/failure.js';
import { runLogged } from '../../setup/run-logged.js';
import { findTool } from '../../setup/tools.js';
import { runTool } from '../run-tool.js';

const UPDATE_HINT = 'run `apt-get update` (Debian 12 has Linux 6.12 in bookworm-security and bookworm-backports)';

/** @throws {SetupFailure} TOOL_MISSING */
function requireApt() {
  if (findTool('apt-get') === undefined || findTool('dpkg') === undefined) {
    throw new SetupFailure('TOOL_MISSING', 'the lab\'s kernels come from Debian packages, fetched with apt-get and unpacked with dpkg, which are not in PATH');
  }
}

/** @param {string} name of a package @returns {SetupFailure} for one that apt does not know */
const unknown = (name) => new SetupFailure('NETWORK', `apt knows no package ${name}; ${UPDATE_HINT}`);

/**
 * Looks into the lists that apt has; no network.
 * @param {string} name of a package
 * @returns {string} the version that would be fetched
 * @throws {SetupFailure} TOOL_MISSING, NETWORK when apt does not know it
 */
export function candidateVersion(name) {
  requireApt();
  const policy = runTool(['apt-cache', 'policy', name], { purpose: `looking for ${name}`, limitSeconds: 60 });
  const version = /^ {2}Candidate: (\S+)$/m.exec(policy)?.[1];
  if (version === undefined || version === '(none)') throw unknown(name);
  return version;
}

/**
 * @param {string} metaPackage that depends on packages of changing names
 * @param {RegExp} pattern of the wanted one
 * @returns {string} its name
 * @throws {SetupFailure} TOOL_MISSING, NETWORK when apt does not know it
 */
export function dependency(metaPackage, pattern) {
  requireApt();
  const depends = runTool(['apt-cache', 'depends', metaPackage], { purpose: `looking for ${metaPackage}`, limitSeconds: 60 });
  const name = [...depends.matchAll(/Depends: (\S+)/g)].map(([, found = '']) => found).find((found) => pattern.test(found));
  if (name === undefined) throw unknown(metaPackage);
  return name;
}

/**
 * @param {string} name of a package, with =VERSION where one is wanted
 * @param {string} directory empty; holds what is in the package afterwards
 * @returns {Promise<void>} when it is unpacked
 * @throws {SetupFailure} TOOL_MISSING, NETWORK, STEP_FAILED, STEP_TIMED_OUT
 */
export async function fetchPackage(name, directory) {
  requireApt();
  await runLogged({
    name: 'lab-fetch',
    // As root, apt would else complain that its own user cannot write here.
    command: ['apt-get', '-o', 'APT::Sandbox::User=root', '-o', 'APT::Get::AllowUnauthenticated=false', 'download', name],
    limitSeconds: 1800,
    directory,
    environment: { LC_ALL: 'C' },
    networkHint: `try again with a network, and ${UPDATE_HINT}`,
  });
  const file = readdirSync(directory).find((entry) => entry.endsWith('.deb'));
  if (file === undefined) throw new SetupFailure('STEP_FAILED', `apt-get download ${name} left no package`);
  await runLogged({ name: 'lab-unpack', command: ['dpkg', '-x', file, '.'], limitSeconds: 600, directory });
  rmSync(join(directory, file));
}
