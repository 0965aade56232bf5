#!/usr/bin/env node
/**
 * The command. In a source checkout it sets up first; then the command line runs in this very process, so that its exit code, its
 * signals and its terminal are its own. With --lab it is only read here, and runs on an emulated host.
 */
import { fileURLToPath } from 'node:url';
import { LAUNCHER_OPTIONS, UsageError, takeLauncherOptions } from './lab/launcher-options.js';
import { isSourceCheckout } from './setup/checkout.js';
import { exitWith } from './setup/failure.js';

/** @typedef {import('../lib/cli/main.js')} CommandLine */

/** Commands that say what is missing must run where it is missing; others need nothing of it. */
const WORKS_WITHOUT_ADDON = new Set([undefined, 'doctor', 'compare', 'help', '--help', '-h', '--version', '-V']);
const USAGE_ERROR = 2;

/** @returns {{ args: string[], lab: import('./lab/options.js').Options | undefined }} our own options apart from the rest */
function readOwnOptions() {
  try {
    return takeLauncherOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`error: ${error.message}\n(--help shows how it is used)\n`);
    process.exit(USAGE_ERROR);
  }
}

/**
 * @param {readonly string[]} args of the command line
 * @param {import('./lab/options.js').Options} lab to run it in
 * @param {CommandLine} commandLine that understands it
 * @returns {Promise<number>} the exit code
 */
async function runInLab(args, lab, { readCommandLine }) {
  const line = await readCommandLine(args, { launcherOptions: LAUNCHER_OPTIONS });
  // Help needs no lab, and a mistake is told at once.
  if (line.ended) return line.exitCode;
  const { commandLineRun, prepareLab } = await import('./lab/prepare.js');
  const [kernel = 'stock'] = lab.kernels;
  const run = await prepareLab(kernel, lab, commandLineRun(args, line.files));
  if (process.stderr.isTTY) process.stderr.write(`lab: booting an emulated host, ${kernel} kernel\n`);
  return run();
}

const { args, lab } = readOwnOptions();
try {
  if (isSourceCheckout()) {
    const { bootstrap } = await import('./bootstrap.js');
    const isHelp = args.includes('--help') || args.includes('-h');
    const works = isHelp || (WORKS_WITHOUT_ADDON.has(args[0]) && lab === undefined);
    await bootstrap({ optional: works ? ['native', 'guest'] : [] });
  }
  const commandLine = /** @type {CommandLine} */ (await import(fileURLToPath(new URL('../dist/lib/cli/main.js', import.meta.url))));
  process.exitCode = await (lab === undefined ? commandLine.main(args, { launcherOptions: LAUNCHER_OPTIONS }) : runInLab(args, lab, commandLine));
} catch (error) {
  exitWith(error);
}
