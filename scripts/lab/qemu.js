/** How QEMU is called: an AMD machine with SVM and nested paging, all of it emulated. */

/** Descriptors that QEMU inherits, one socket each. */
export const CHANNELS = Object.freeze({ console: 3, control: 4, stdout: 5, stderr: 6 });

/** @param {string} value @returns {string} as a part of QEMU's comma-separated options */
const escaped = (value) => value.replaceAll(',', ',,');

/**
 * @param {import('./shares.js').Share} share of the host's files
 * @returns {string[]} its options
 */
function shareOptions({ tag, path, kind }) {
  const readonly = kind === 'rw' ? '' : ',readonly=on';
  return [
    // remap: a directory may hold mount points, whose inode numbers would clash.
    '-fsdev', `local,id=${tag},path=${escaped(path)},security_model=none,multidevs=remap${readonly}`,
    '-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ];
}

/**
 * @param {object} machine what to boot
 * @param {import('./kernel/index.js').Kernel} machine.kernel its image
 * @param {string} machine.initrd the initramfs' file
 * @param {readonly import('./shares.js').Share[]} machine.shares of the host's files
 * @param {number} machine.cpus emulated
 * @param {import('./kernel/index.js').KernelKind['threads']} machine.threads one for all CPUs or one for each
 * @param {number} machine.memoryMiB of the machine
 * @returns {string[]} the command
 */
export function qemuCommand({ kernel, initrd, shares, cpus, threads, memoryMiB }) {
  const ports = /** @type {const} */ (['control', 'stdout', 'stderr']);
  return [
    // Ends QEMU with us, however we end.
    'setpriv', '--pdeathsig', 'KILL', '--',
    'qemu-system-x86_64',
    '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
    '-machine', 'pc',
    '-accel', `tcg,thread=${threads}`,
    '-cpu', 'max',
    '-smp', String(cpus),
    '-m', String(memoryMiB),
    '-kernel', kernel.image,
    '-initrd', initrd,
    // mitigations=off: emulation has nothing to leak by speculation, and they cost it dearly.
    '-append', 'console=ttyS0 loglevel=5 panic=-1 oops=panic mitigations=off rdinit=/init',
    '-chardev', `socket,id=console,fd=${String(CHANNELS.console)}`,
    '-serial', 'chardev:console',
    '-device', 'virtio-serial-pci',
    ...ports.flatMap((port) => [
      '-chardev', `socket,id=${port},fd=${String(CHANNELS[port])}`,
      '-device', `virtserialport,chardev=${port},name=lab.${port}`,
    ]),
    ...shares.flatMap(shareOptions),
  ];
}
