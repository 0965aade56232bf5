/** Everything between the command line and the boot: tools, the kernel, the files that the command needs. */
import { mkdirSync } from 'node:fs';
import { ROOT } from '../setup/checkout.js';
import { SetupFailure } from '../setup/failure.js';
import { findTool } from '../setup/tools.js';
import { planFiles } from './files.js';
import { KERNELS } from './kernel/index.js';
import { runInLab } from './run-in-lab.js';
import { baseShares } from './shares.js';

/** What the emulated host multiplies time-outs by: its KVM costs ten to forty times a real one's, its user space about ten. */
const SLOWNESS = '10';

/**
 * Asked before anything that takes long.
 * @throws {SetupFailure} TOOL_MISSING, ALREADY_IN_LAB
 */
export function requireLabTools() {
  if (process.env.KVM_FAULTLAB_LAB !== undefined) throw new SetupFailure('ALREADY_IN_LAB', 'this is the lab: run the command itself here');
  if (findTool('qemu-system-x86_64') === undefined) {
    throw new SetupFailure('TOOL_MISSING', 'the lab runs in QEMU; install it with: apt-get install -y --no-install-recommends qemu-system-x86');
  }
  if (findTool('setpriv') === undefined) throw new SetupFailure('TOOL_MISSING', 'the lab needs setpriv; install it with: apt-get install -y util-linux');
}

/**
 * @typedef {object} Run
 * @property {readonly string[]} command to run, with its arguments
 * @property {string} directory where
 * @property {(base: readonly import('./shares.js').Share[]) => import('./files.js').FilePlan} plan of the files that it works on
 */

/**
 * Prepares a boot. The project must be set up: inside nothing can be built for good, and slowly.
 * @param {import('./kernel/names.js').KernelName} name of the kernel to boot
 * @param {Pick<import('./options.js').Options, 'limitSeconds' | 'cpus' | 'memoryMiB'>} options of the machine
 * @param {Run} run what to run there
 * @returns {Promise<(output?: import('./run-in-lab.js').Output) => Promise<number>>} boots and runs the command; its exit code
 * @throws {SetupFailure} whatever keeps the lab from booting
 */
export async function prepareLab(name, { limitSeconds, cpus, memoryMiB }, { command, directory, plan }) {
  requireLabTools();
  const files = plan(baseShares());
  const kind = KERNELS[name];
  const kernel = await kind.prepare();
  const environment = { KVM_FAULTLAB_LAB: 'emulated', KVM_FAULTLAB_SLOWNESS: process.env.KVM_FAULTLAB_SLOWNESS ?? SLOWNESS };
  return (output) => runInLab({ kernel, command, directory, files, cpus: cpus ?? kind.cpus, threads: kind.threads, memoryMiB, limitSeconds, environment, output });
}

/**
 * A command in the project's directory, which may write to one directory of the host.
 * @param {Pick<import('./options.js').Options, 'command' | 'outDirectory'>} options which
 * @returns {Run} the run
 */
export function projectRun({ command, outDirectory }) {
  mkdirSync(outDirectory, { recursive: true });
  const plan = (/** @type {readonly import('./shares.js').Share[]} */ base) => ({
    shares: [...base, { tag: 'out', path: outDirectory, kind: /** @type {const} */ ('rw') }],
    directories: [],
    links: [],
    outputs: [],
  });
  return { command, directory: ROOT, plan };
}

/**
 * A command line of kvm-faultlab in the current directory, which works on the files that it names.
 * @param {readonly string[]} args of the command line
 * @param {readonly import('./files.js').NamedFile[]} files that it names
 * @returns {Run} the run
 */
export function commandLineRun(args, files) {
  const directory = process.cwd();
  return { command: ['kvm-faultlab', ...args], directory, plan: (base) => planFiles(files, { base, directory }) };
}
