/** The lab's root file system: init, modules, and what to do. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ROOT, inRoot } from '../setup/checkout.js';
import { CpioArchive } from './cpio.js';
import { initProgram } from './init-program.js';
import { moduleFile } from './kernel/stock.js';
import { copySystemFiles } from './shares.js';

/** In the order of their dependencies; what is built in is left out. */
const MODULES = [
  'kernel/drivers/virtio/virtio',
  'kernel/drivers/virtio/virtio_ring',
  'kernel/drivers/virtio/virtio_pci_modern_dev',
  'kernel/drivers/virtio/virtio_pci_legacy_dev',
  'kernel/drivers/virtio/virtio_pci',
  'kernel/drivers/char/virtio_console',
  'kernel/fs/netfs/netfs',
  'kernel/net/9p/9pnet',
  'kernel/net/9p/9pnet_virtio',
  'kernel/fs/9p/9p',
  'kernel/fs/overlayfs/overlay',
  'kernel/virt/lib/irqbypass',
  'kernel/arch/x86/kvm/kvm',
  'kernel/drivers/crypto/ccp/ccp',
  'kernel/arch/x86/kvm/kvm-amd',
];

/** The host's variables that mean the same inside. */
const PASSED_ON = /^(?:CI|LANG|LC_.*|NO_COLOR|FORCE_COLOR|TERM|NODE_OPTIONS|KVM_FAULTLAB_.*)$/;

/**
 * @param {readonly string[]} strings without NUL
 * @returns {string} each ended by NUL
 */
const nulTerminated = (strings) => strings.map((text) => `${text}\0`).join('');

/**
 * @param {Record<string, string>} own of the lab
 * @returns {string[]} NAME=value
 */
function environment(own) {
  const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
  const path = ['/lab/bin', inRoot('node_modules/.bin'), dirname(process.execPath), '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':');
  return Object.entries({ ...Object.fromEntries(passed), HOME: '/root', USER: 'root', PATH: path, ...own }).map(([name, value]) => `${name}=${value ?? ''}`);
}

/**
 * @param {object} plan what the lab does
 * @param {import('./kernel/index.js').Kernel} plan.kernel that boots it
 * @param {readonly string[]} plan.command to run in the project
 * @param {readonly import('./shares.js').Share[]} plan.shares to mount
 * @param {Record<string, string>} plan.environment added to the command's
 * @returns {Promise<Buffer>} an uncompressed archive
 * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED
 */
export async function initramfs({ kernel, command, shares, environment: own }) {
  const archive = new CpioArchive();
  archive.file('/init', await initProgram(), 0o755);
  copySystemFiles(archive);
  archive.directory('/root');
  archive.symlink('/lab/bin/kvm-faultlab', inRoot('scripts/kvm-faultlab.js'));

  const files = MODULES.map((path) => moduleFile(kernel, path)).filter((file) => file !== undefined);
  for (const file of files) archive.file(join('/lab/kernel', basename(file)), readFileSync(file));
  archive.file('/lab/modules', files.map((file) => `${join('/lab/kernel', basename(file))}\n`).join(''));
  archive.file('/lab/mounts', shares.map(({ kind, tag, path }) => `${kind}\t${tag}\t${path}\n`).join(''));
  archive.file('/lab/argv', nulTerminated(command));
  archive.file('/lab/env', nulTerminated(environment(own)));
  archive.file('/lab/cwd', ROOT);
  return archive.end();
}
