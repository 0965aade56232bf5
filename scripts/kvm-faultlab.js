#!/usr/bin/env node
/**
 * The command. In a source checkout it sets up first; then the command line runs in this very process, so that its exit code, its
 * signals and its terminal are its own.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Commands that say what is missing must run where it is missing. */
const WORKS_WITHOUT_ADDON = new Set([undefined, 'doctor', 'help', '--help', '-h', '--version', '-V']);

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url));

if (existsSync(path('../tsconfig.json'))) {
  const { bootstrap } = await import('./bootstrap.js');
  const { exitWith } = await import('./setup/failure.js');
  const { argv } = process;
  const optional = WORKS_WITHOUT_ADDON.has(argv[2]) || argv.includes('--help') || argv.includes('-h') ? /** @type {const} */ (['native', 'guest']) : [];
  await bootstrap({ optional }).catch(exitWith);
}
const { main } = /** @type {{ main: (args: readonly string[]) => Promise<number> }} */ (await import(path('../dist/lib/cli/main.js')));
process.exitCode = await main(process.argv.slice(2));
