/** Wrong kernels, made and loaded. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type * as Conform from '../../lib/conform/index.js';
import type { LoadedProfile } from '../../lib/conform/index.js';
import type * as Proposals from '../../lib/uapi/proposals/index.js';
import type { UapiName } from '../../lib/uapi/proposals/index.js';
import type { Mutation } from './mutations.js';

/** Compiled code of lib/. */
const LIB = new URL('../../lib/', import.meta.url);

/** A suite to run, and the profile of a wrong kernel. */
export interface Mutant {
  readonly conform: typeof Conform;
  load(name: UapiName): LoadedProfile;
  /** Deletes what was made. */
  remove(): void;
}

/**
 * Copies the changed module's directory beside itself, so that what it imports is found, and changes it there.
 * @param serial - a number that no other mutant has
 * @throws AssertionError where a text is not there exactly once: the mutation is stale
 */
export async function makeMutant({ file, edits, what }: Mutation, serial: number): Promise<Mutant> {
  const [directory] = /^(uapi\/proposals|conform)/.exec(file) ?? assert.fail(`${file} is in no directory that can be copied`);
  const copy = `${directory}-mutant-${process.pid}-${serial}`;
  const path = (relative: string): string => fileURLToPath(new URL(relative, LIB));
  const remove = (): void => {
    rmSync(path(copy), { recursive: true, force: true });
  };
  cpSync(path(directory), path(copy), { recursive: true, filter: (source) => !source.endsWith('.map') && !source.endsWith('.d.ts') });
  try {
    const changed = path(file.replace(directory, copy));
    let text = readFileSync(changed, 'utf8');
    for (const [original, replacement] of edits) {
      assert.equal(text.split(original).length - 1, 1, `stale mutation '${what}': ${JSON.stringify(original)} is not exactly once in ${file}`);
      text = text.replace(original, () => replacement);
    }
    writeFileSync(changed, text);
    const url = new URL(`${copy}/index.js`, LIB).href;
    const own = (await import(new URL('conform/index.js', LIB).href)) as typeof Conform;
    if (directory === 'conform') return { conform: (await import(url)) as typeof Conform, load: (name) => own.loadProfile(name), remove };
    const proposals = (await import(url)) as typeof Proposals;
    return { conform: own, load: (name) => ({ profile: proposals.UAPI_PROFILES[name], proposals, url }), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
