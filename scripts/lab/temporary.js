/** Directories that do not outlive their process for long, even when it is killed. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'kvm-faultlab-lab';

/** Process ids mean something on one machine, and in one container of it. */
const HERE = hostname().replaceAll(/[^\w.]/g, '_');
const OWNED = /-of-(?<host>[\w.]+)-(?<pid>\d+)-(?<start>\d+)-\w{6}$/;

/**
 * @param {number | string} pid of a process
 * @returns {string} when it started, in the kernel's ticks; empty when there is no such process
 */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/**
 * Deletes directories whose owner has ended without doing so: the names say whose they are, and a process id used again has another start.
 * @param {string} parent directory that holds them
 */
export function removeAbandoned(parent) {
  for (const name of readdirSync(parent)) {
    const { host, pid = '', start } = OWNED.exec(name)?.groups ?? {};
    if (host === HERE && startOf(pid) !== start) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/**
 * @param {string} prefix path of the directory, to which a name of its owner is added
 * @returns {string} a new directory of this process alone
 */
export function ownedDirectory(prefix) {
  return mkdtempSync(`${prefix}-of-${HERE}-${String(process.pid)}-${startOf(process.pid)}-`);
}

/**
 * @returns {string} a new directory of this process alone, where temporary files go
 */
export function temporaryDirectory() {
  removeAbandoned(tmpdir());
  return ownedDirectory(join(tmpdir(), PREFIX));
}
