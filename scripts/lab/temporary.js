/** Temporary directories that do not outlive their process for long, even when it is killed. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'kvm-faultlab-lab-';

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

/** Removes what killed labs left: the names say whose they are, and a process id used again has another start. */
function sweep() {
  for (const name of readdirSync(tmpdir())) {
    const [, pid, start] = /^kvm-faultlab-lab-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && startOf(pid) !== start) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/**
 * @returns {string} a new directory of this process alone
 */
export function temporaryDirectory() {
  sweep();
  return mkdtempSync(join(tmpdir(), `${PREFIX}${String(process.pid)}-${startOf(process.pid)}-`));
}
