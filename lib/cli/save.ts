/** Writing a report so that whatever happens meanwhile, a full disk or a power cut, there is a whole one: the new one or the one from before. */
import { chmodSync, closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { unwritable } from './files.js';

/**
 * Writes a file, or leaves what is there as it was.
 * @param path - where it is to be; what is no ordinary file (a pipe, a device) is written in place
 * @throws FaultLabError `REPORT_UNWRITABLE`
 */
export function saveReport(path: string, text: string): void {
  try {
    const old = statSync(path, { throwIfNoEntry: false });
    if (old !== undefined && !old.isFile()) {
      writeFileSync(path, text);
      return;
    }
    // A link stays a link: what it leads to is replaced.
    const target = old === undefined ? path : realpathSync(path);
    const beside = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
    try {
      writeDurably(beside, text);
      if (old !== undefined) chmodSync(beside, old.mode & 0o7777);
      renameSync(beside, target);
    } catch (error) {
      rmSync(beside, { force: true });
      throw error;
    }
    syncFolder(dirname(target));
  } catch (error) {
    throw unwritable(path, error);
  }
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx');
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the new name durable, where the file system can. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } catch {
    // Some file systems refuse it for a folder; the file itself is safe.
  } finally {
    closeSync(folder);
  }
}
