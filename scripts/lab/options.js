/** The options of a lab: those of the lab's commands (`--kernel`), and of the command line that runs in it (`--lab-kernel`). */
import { resolve } from 'node:path';
import { inRoot } from '../setup/checkout.js';
import { KERNEL_NAMES, isKernelName } from './kernel/names.js';

/** EX_USAGE of sysexits.h. */
const USAGE_ERROR = 64;

/**
 * @typedef {object} Options
 * @property {readonly import('./kernel/names.js').KernelName[]} kernels to boot or to build, in order
 * @property {string} outDirectory absolute
 * @property {number} limitSeconds the command may take
 * @property {number} [cpus] of the lab; the kernel's default where it is not given
 * @property {number} memoryMiB of the lab
 * @property {number} boots one after the other
 * @property {string[]} command with its arguments
 */

/** @typedef {'--kernel' | '--out' | '--limit' | '--cpus' | '--memory' | '--boots'} OptionName */

/** A command line that is wrong. */
export class UsageError extends Error {}

/** @returns {Options} what holds where nothing is said */
export const defaultOptions = () => ({ kernels: ['stock'], outDirectory: inRoot('dist/lab'), limitSeconds: 1800, memoryMiB: 3072, boots: 10, command: [] });

/**
 * @param {string} name of an option, as it was typed
 * @param {string | undefined} text its value
 * @param {number} least accepted
 * @returns {number} a whole number
 * @throws {UsageError} when it is none
 */
function wholeNumber(name, text, least) {
  const value = Number(text);
  if (text === undefined || !Number.isSafeInteger(value) || value < least) throw new UsageError(`${name} takes a whole number from ${String(least)}`);
  return value;
}

/**
 * @param {string} name of the option, as it was typed
 * @param {string | undefined} text names kernels
 * @param {boolean} several whether "all" is taken
 * @returns {readonly import('./kernel/names.js').KernelName[]} at least one
 * @throws {UsageError} when there is no such kernel
 */
function kernels(name, text, several) {
  if (isKernelName(text)) return [text];
  if (several && text === 'all') return KERNEL_NAMES;
  throw new UsageError(`${name} takes ${[...KERNEL_NAMES, ...(several ? ['all'] : [])].join(', ')}`);
}

/**
 * @param {Options} options to change
 * @param {OptionName} option which
 * @param {string | undefined} value its value
 * @param {object} [how] it is understood
 * @param {string} [how.typed] its name as it was typed, for messages
 * @param {boolean} [how.severalKernels] whether --kernel takes "all"
 * @throws {UsageError} when the value is wrong
 */
export function setOption(options, option, value, { typed = option, severalKernels = false } = {}) {
  switch (option) {
    case '--kernel':
      options.kernels = kernels(typed, value, severalKernels);
      break;
    case '--out':
      if (value === undefined) throw new UsageError(`${typed} takes a directory`);
      options.outDirectory = resolve(value);
      break;
    case '--limit':
      options.limitSeconds = wholeNumber(typed, value, 1);
      break;
    case '--cpus':
      options.cpus = wholeNumber(typed, value, 1);
      break;
    case '--memory':
      options.memoryMiB = wholeNumber(typed, value, 512);
      break;
    case '--boots':
      options.boots = wholeNumber(typed, value, 1);
      break;
  }
}

/**
 * Reads the command line of one of the lab's commands. Options before the command are ours, the rest is the command's own.
 * @param {readonly string[]} args of the command line
 * @param {object} how it is understood
 * @param {string} how.usage shown for --help and after a refusal
 * @param {readonly OptionName[]} how.accepted the options there are
 * @param {boolean} how.severalKernels whether --kernel takes "all"
 * @param {'required' | 'optional' | 'none'} how.command whether one is named
 * @param {Partial<Options>} [how.defaults] where they differ
 * @returns {Options} checked; ends the process with code 64 when something is wrong with the command line
 */
export function parseOptions(args, { usage, accepted, severalKernels, command, defaults = {} }) {
  const options = { ...defaultOptions(), ...defaults };
  try {
    let at = 0;
    for (; at < args.length; at += 2) {
      const name = args[at] ?? '';
      if (name === '--help' || name === '-h') {
        process.stdout.write(usage);
        process.exit(0);
      }
      if (name === '--' || !name.startsWith('-')) break;
      const known = accepted.find((option) => option === name);
      if (known === undefined) throw new UsageError(`no such option: ${name}`);
      setOption(options, known, args[at + 1], { severalKernels });
    }
    const named = args.slice(args[at] === '--' ? at + 1 : at);
    if (command === 'required' && named.length === 0) throw new UsageError('there is no command');
    if (command === 'none' && named.length > 0) throw new UsageError(`there is nothing to run: ${named.join(' ')}`);
    return named.length === 0 ? options : { ...options, command: named };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`lab: ${error.message}\n\n${usage}`);
    process.exit(USAGE_ERROR);
  }
}
