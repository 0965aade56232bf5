/** Content hashes of source trees: what decides whether a step has to be redone. Times of files would lie after a git checkout. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './checkout.js';

/** Outputs and dot files inside source directories. */
const IGNORED = /^(?:\..*|build|node_modules|dist)$/;

/**
 * Every file below `path` in a fixed order; `path` itself when it is a file; nothing when it does not exist.
 * @param {string} path absolute
 * @returns {string[]} absolute paths
 */
export function filesBelow(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !IGNORED.test(entry.name) && (entry.isFile() || entry.isDirectory()))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(path, entry.name)) : [join(path, entry.name)]));
}

/**
 * One hash over names and contents of files.
 * @param {readonly string[]} files absolute paths
 * @param {...string} also further facts the result depends on
 * @returns {string} hexadecimal
 */
export function fingerprint(files, ...also) {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${relative(ROOT, file)}\0${String(content.byteLength)}\0`).update(content);
  }
  return hash.update(also.join('\0')).digest('hex');
}
