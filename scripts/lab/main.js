/**
 * `npm run lab -- COMMAND...`: runs a command of this checkout on an emulated SVM host. The exit code is the command's; files it writes
 * below --out come back, everything else it writes is gone with the lab.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { bootstrap } from '../bootstrap.js';
import { inRoot } from '../setup/checkout.js';
import { SetupFailure, exitWith } from '../setup/failure.js';
import { findTool } from '../setup/tools.js';
import { runInLab } from './run-in-lab.js';
import { stockKernel } from './stock-kernel.js';

/** EX_USAGE of sysexits.h. */
const USAGE_ERROR = 64;

const USAGE = `usage: npm run lab -- [OPTIONS] COMMAND [ARGUMENTS]

Boots a host with SVM in QEMU's emulator (no KVM needed), runs COMMAND in this project inside, and powers off. The exit code is COMMAND's.

  --out DIR        folder that COMMAND can write to for good (default dist/lab); the same path inside
  --limit SECONDS  how long COMMAND may take (default 1800)
  --cpus N         CPUs of the lab (default 1; with more, each waits for the others)
  --memory MIB     memory of the lab (default 3072)

examples:
  npm run lab -- kvm-faultlab doctor
  npm run lab -- kvm-faultlab bench --pages 300 --json dist/lab/report.json
  npm run lab -- npx mocha --grep userfaultfd
`;

/** What the emulated host multiplies time-outs by: its KVM costs ten to forty times a real one's, its user space about ten. */
const SLOWNESS = '10';

/** @param {string} message about the command line @returns {never} */
function refuse(message) {
  process.stderr.write(`lab: ${message}\n\n${USAGE}`);
  process.exit(USAGE_ERROR);
}

/**
 * @param {string} name of an option
 * @param {string | undefined} text its value
 * @param {number} least accepted
 * @returns {number} a whole number
 */
function wholeNumber(name, text, least) {
  const value = Number(text);
  if (text === undefined || !Number.isSafeInteger(value) || value < least) refuse(`${name} takes a whole number from ${String(least)}`);
  return value;
}

/**
 * @param {readonly string[]} args of the command line
 */
function parse(args) {
  const options = { outDirectory: inRoot('dist/lab'), limitSeconds: 1800, cpus: 1, memoryMiB: 3072 };
  for (let at = 0; at < args.length; at += 2) {
    const name = args[at] ?? '';
    const value = args[at + 1];
    if (name === '--help' || name === '-h') {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    if (name === '--') return { ...options, command: args.slice(at + 1) };
    if (!name.startsWith('-')) return { ...options, command: args.slice(at) };
    if (name === '--out') options.outDirectory = resolve(value ?? refuse('--out takes a directory'));
    else if (name === '--limit') options.limitSeconds = wholeNumber(name, value, 1);
    else if (name === '--cpus') options.cpus = wholeNumber(name, value, 1);
    else if (name === '--memory') options.memoryMiB = wholeNumber(name, value, 512);
    else refuse(`no such option: ${name}`);
  }
  return { ...options, command: [] };
}

/** @throws {SetupFailure} TOOL_MISSING */
function checkTools() {
  if (findTool('qemu-system-x86_64') === undefined) {
    throw new SetupFailure('TOOL_MISSING', 'the lab runs in QEMU; install it with: apt-get install -y --no-install-recommends qemu-system-x86');
  }
  if (findTool('setpriv') === undefined) throw new SetupFailure('TOOL_MISSING', 'the lab needs setpriv; install it with: apt-get install -y util-linux');
}

const { command, ...options } = parse(process.argv.slice(2));
if (command.length === 0) refuse('there is no command');

try {
  checkTools();
  // Inside nothing can be built for good, and slowly.
  await bootstrap();
  mkdirSync(options.outDirectory, { recursive: true });
  const environment = { KVM_FAULTLAB_LAB: 'emulated', KVM_FAULTLAB_SLOWNESS: process.env.KVM_FAULTLAB_SLOWNESS ?? SLOWNESS };
  process.exitCode = await runInLab({ ...options, command, kernel: await stockKernel(), environment });
} catch (error) {
  exitWith(error);
}
