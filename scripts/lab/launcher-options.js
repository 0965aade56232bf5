/** `--lab` and its companions, which any command line of kvm-faultlab may have, before the command or after it. */
import { KERNEL_NAMES } from './kernel/names.js';
import { UsageError, defaultOptions, setOption } from './options.js';

const { limitSeconds, memoryMiB } = defaultOptions();

/** For the help of every command. */
export const LAUNCHER_OPTIONS = Object.freeze([
  { flags: '--lab', description: 'run the command on a real KVM host in emulation (QEMU, SVM): needs no /dev/kvm; times taken there mean nothing' },
  { flags: '--lab-kernel <name>', description: `its kernel: ${KERNEL_NAMES.join(' or ')} (default: ${KERNEL_NAMES[0] ?? ''}); these options imply --lab` },
  { flags: '--lab-limit <seconds>', description: `how long the command may take there (default: ${String(limitSeconds)})` },
  { flags: '--lab-cpus <n>', description: 'its CPUs (default: the kernel\'s, see docs/LAB.md)' },
  { flags: '--lab-memory <mib>', description: `its memory (default: ${String(memoryMiB)})` },
]);

/** @type {Readonly<Record<string, import('./options.js').OptionName>>} */
const VALUED = { '--lab-kernel': '--kernel', '--lab-limit': '--limit', '--lab-cpus': '--cpus', '--lab-memory': '--memory' };

/**
 * Takes these options out of a command line; after `--` there are none.
 * @param {readonly string[]} args of the command line
 * @returns {{ args: string[], lab: import('./options.js').Options | undefined }} what is left, and the lab that was asked for
 * @throws {UsageError} for a wrong or missing value
 */
export function takeLauncherOptions(args) {
  const end = args.indexOf('--') === -1 ? args.length : args.indexOf('--');
  const options = defaultOptions();
  /** @type {string[]} */
  const rest = [];
  let wanted = false;
  for (let at = 0; at < end; at += 1) {
    const [, name = '', inline] = /^(--[^=]*)(?:=(.*))?$/s.exec(args[at] ?? '') ?? [];
    const option = VALUED[name];
    if (name === '--lab' && inline === undefined) {
      wanted = true;
    } else if (option !== undefined) {
      wanted = true;
      if (inline === undefined) at += 1;
      setOption(options, option, inline ?? (at < end ? args[at] : undefined), { typed: name });
    } else {
      rest.push(args[at] ?? '');
    }
  }
  return { args: [...rest, ...args.slice(end)], lab: wanted ? options : undefined };
}

export { UsageError };
