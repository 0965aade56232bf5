/** The guest: one freestanding ELF. */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { inRoot } from './checkout.js';
import { filesBelow, fingerprint } from './fingerprint.js';
import { runLogged } from './run-logged.js';
import { requireTools } from './tools.js';

/** @type {import('./steps.js').Step} */
export const guestStep = {
  name: 'guest',
  label: 'building the guest',
  fingerprint: () => fingerprint(filesBelow(inRoot('guest'))),
  isCurrent: () => existsSync(inRoot('guest/build')) && readdirSync(inRoot('guest/build')).some((name) => name.endsWith('.elf')),
  async run() {
    requireTools('building the guest', ['make', 'gcc', 'ld']);
    await runLogged({ name: 'guest', command: ['make', '-C', 'guest', '-j', String(availableParallelism())], limitSeconds: 300 });
  },
};
