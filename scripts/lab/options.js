/** The options that the lab's commands share. Those before the command are ours, the rest is the command's own. */
import { resolve } from 'node:path';
import { inRoot } from '../setup/checkout.js';
import { KERNEL_NAMES, isKernelName } from './kernel/index.js';

/** EX_USAGE of sysexits.h. */
const USAGE_ERROR = 64;

/**
 * @typedef {object} Options
 * @property {readonly import('./kernel/index.js').KernelName[]} kernels to boot or to build, in order
 * @property {string} outDirectory absolute
 * @property {number} limitSeconds the command may take
 * @property {number} [cpus] of the lab; the kernel's default where it is not given
 * @property {number} memoryMiB of the lab
 * @property {number} boots one after the other
 * @property {string[]} command with its arguments
 */

/** @typedef {'--kernel' | '--out' | '--limit' | '--cpus' | '--memory' | '--boots'} OptionName */

/**
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
  /** @param {string} message about the command line @returns {never} */
  const refuse = (message) => {
    process.stderr.write(`lab: ${message}\n\n${usage}`);
    process.exit(USAGE_ERROR);
  };
  /** @param {string} name of an option @param {string | undefined} text its value @param {number} least accepted */
  const wholeNumber = (name, text, least) => {
    const value = Number(text);
    if (text === undefined || !Number.isSafeInteger(value) || value < least) refuse(`${name} takes a whole number from ${String(least)}`);
    return value;
  };
  /** @param {string | undefined} text names kernels @returns {readonly import('./kernel/index.js').KernelName[]} */
  const kernels = (text) => {
    if (isKernelName(text)) return [text];
    if (severalKernels && text === 'all') return KERNEL_NAMES;
    return refuse(`--kernel takes ${[...KERNEL_NAMES, ...(severalKernels ? ['all'] : [])].join(', ')}`);
  };

  /** @type {Options} */
  const options = { kernels: ['stock'], outDirectory: inRoot('dist/lab'), limitSeconds: 1800, memoryMiB: 3072, boots: 10, command: [], ...defaults };
  /** @type {Readonly<Record<OptionName, (name: string, value: string | undefined) => void>>} */
  const set = {
    '--kernel': (_, value) => { options.kernels = kernels(value); },
    '--out': (_, value) => { options.outDirectory = resolve(value ?? refuse('--out takes a directory')); },
    '--limit': (name, value) => { options.limitSeconds = wholeNumber(name, value, 1); },
    '--cpus': (name, value) => { options.cpus = wholeNumber(name, value, 1); },
    '--memory': (name, value) => { options.memoryMiB = wholeNumber(name, value, 512); },
    '--boots': (name, value) => { options.boots = wholeNumber(name, value, 1); },
  };
  let at = 0;
  for (; at < args.length; at += 2) {
    const name = args[at] ?? '';
    if (name === '--help' || name === '-h') {
      process.stdout.write(usage);
      process.exit(0);
    }
    if (name === '--' || !name.startsWith('-')) break;
    const known = accepted.find((option) => option === name) ?? refuse(`no such option: ${name}`);
    set[known](name, args[at + 1]);
  }
  const named = args.slice(args[at] === '--' ? at + 1 : at);
  if (command === 'required' && named.length === 0) refuse('there is no command');
  if (command === 'none' && named.length > 0) refuse(`there is nothing to run: ${named.join(' ')}`);
  return named.length === 0 ? options : { ...options, command: named };
}
