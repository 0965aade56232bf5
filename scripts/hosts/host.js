/** The hosts that the project is run on, and how a command of this checkout gets there. */
import { inRoot } from '../setup/checkout.js';

/**
 * @typedef {object} HostChoice
 * @property {string} name as on the command line
 * @property {string} title for people
 * @property {boolean} emulated inside QEMU: slow, so that it gets the small bench
 * @property {(out: string, limitSeconds: number, command: readonly string[]) => readonly string[]} reach the command that runs `command` there; it may write below `out`
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
  reach: (out, limitSeconds, command) => [process.execPath, LAB, '--kernel', kernel, '--out', out, '--limit', String(limitSeconds), ...command],
});

/** @type {readonly HostChoice[]} */
export const HOSTS = [{ name: 'here', title: 'this host', emulated: false, reach: (_out, _limitSeconds, command) => command }, lab('stock'), lab('own')];
