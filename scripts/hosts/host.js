/** The hosts that the project is run on, and how a command of this checkout gets there. */
import { inRoot } from '../setup/checkout.js';

/**
 * @typedef {object} HostChoice
 * @property {string} name as on the command line
 * @property {string} title for people
 * @property {boolean} emulated inside QEMU: slow, so that it gets the small bench
 * @property {(run: Reach) => readonly string[]} reach the command that runs `command` there
 */

/**
 * @typedef {object} Reach
 * @property {string} out directory that the command may write to
 * @property {number} limitSeconds that it may take
 * @property {number | null} cpus of an emulated host; null for as many as it usually has
 * @property {readonly string[]} command to run
 */

const LAB = inRoot('scripts/lab/main.js');

/**
 * @param {'stock' | 'own'} kernel of the lab
 * @returns {HostChoice} the emulated host with that kernel
 */
const lab = (kernel) => ({
  name: kernel,
  title: `the lab, ${kernel} kernel`,
  emulated: true,
  reach: ({ out, limitSeconds, cpus, command }) => [
    ...[process.execPath, LAB, '--kernel', kernel, '--out', out, '--limit', String(limitSeconds)],
    ...(cpus === null ? [] : ['--cpus', String(cpus)]),
    ...command,
  ],
});

/** @type {readonly HostChoice[]} */
export const HOSTS = [{ name: 'here', title: 'this host', emulated: false, reach: ({ command }) => command }, lab('stock'), lab('own')];
