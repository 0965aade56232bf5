/** Everything before the boot: tools, the checkout, the kernel. */
import { mkdirSync } from 'node:fs';
import { bootstrap } from '../bootstrap.js';
import { SetupFailure } from '../setup/failure.js';
import { findTool } from '../setup/tools.js';
import { KERNELS } from './kernel/index.js';
import { runInLab } from './run-in-lab.js';

/** What the emulated host multiplies time-outs by: its KVM costs ten to forty times a real one's, its user space about ten. */
const SLOWNESS = '10';

/** @throws {SetupFailure} TOOL_MISSING */
function checkTools() {
  if (findTool('qemu-system-x86_64') === undefined) {
    throw new SetupFailure('TOOL_MISSING', 'the lab runs in QEMU; install it with: apt-get install -y --no-install-recommends qemu-system-x86');
  }
  if (findTool('setpriv') === undefined) throw new SetupFailure('TOOL_MISSING', 'the lab needs setpriv; install it with: apt-get install -y util-linux');
}

/**
 * @param {import('./kernel/index.js').KernelName} name of the kernel to boot
 * @param {import('./options.js').Options} options of the machine
 * @returns {Promise<(output?: import('./run-in-lab.js').Output) => Promise<number>>} boots and runs the command; its exit code
 * @throws {SetupFailure} whatever keeps the lab from booting
 */
export async function prepareLab(name, { outDirectory, command, limitSeconds, cpus, memoryMiB }) {
  checkTools();
  // Inside nothing can be built for good, and slowly.
  await bootstrap();
  mkdirSync(outDirectory, { recursive: true });
  const kind = KERNELS[name];
  const kernel = await kind.prepare();
  const environment = { KVM_FAULTLAB_LAB: 'emulated', KVM_FAULTLAB_SLOWNESS: process.env.KVM_FAULTLAB_SLOWNESS ?? SLOWNESS };
  return (output) => runInLab({ kernel, command, outDirectory, cpus: cpus ?? kind.cpus, threads: kind.threads, memoryMiB, limitSeconds, environment, output });
}
