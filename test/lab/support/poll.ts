import { strict as assert } from 'node:assert';

/** Looks 20 times a second until `done`; fails after `limitMs`, saying what it waited for. */
export async function poll(what: string, limitMs: number, done: () => boolean): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!done()) {
    assert(Date.now() < deadline, `waited ${limitMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
