import { strict as assert } from 'node:assert';

/** Looks 20 times a second until `done`; fails after `limitMs`, saying what it waited for and, where `seen` is given, what there was instead. */
export async function poll(what: string, limitMs: number, done: () => boolean, seen?: () => string): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!done()) {
    if (Date.now() >= deadline) assert.fail(`waited ${limitMs / 1000} s for ${what}${seen === undefined ? '' : `; there was: ${seen()}`}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
