/** The project's own guest with some of its sources changed: mostly its kernel as it is, under tasks that do what its own never do. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const GUEST = fileURLToPath(new URL('../../../guest/', import.meta.url));
/** The C files beside this one's source. */
export const TASK_SOURCES = fileURLToPath(new URL('../../../test/guest/tasks/', import.meta.url));

/** What `guest/` has at this path. */
export function guestSource(path: string): string {
  return readFileSync(join(GUEST, path), 'utf8');
}

/**
 * Builds a guest some of whose sources are replaced.
 * @param sources - text by path in guest/
 * @returns path of the ELF file, in a folder that the caller removes
 */
export function buildVariant(sources: Readonly<Record<string, string>>): { readonly folder: string; readonly elf: string } {
  const folder = mkdtempSync(join(tmpdir(), 'guest-variant-'));
  // Objects come along with their times, so that only what was replaced is compiled again.
  cpSync(GUEST, folder, { recursive: true, preserveTimestamps: true });
  for (const [path, source] of Object.entries(sources)) writeFileSync(join(folder, path), source);
  execFileSync('make', ['-s', '-C', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  return { folder, elf: join(folder, 'build/guest.elf') };
}
