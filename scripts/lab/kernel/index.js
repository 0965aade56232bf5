/** The kernels that the lab can boot, by name. */
import { isOwnKernelReady, ownKernel, ownKernelWork } from './own.js';
import { isStockKernelReady, stockKernel, stockKernelWork } from './stock.js';

/**
 * @typedef {object} Kernel
 * @property {string} release as `uname -r` gives it
 * @property {string} image bzImage
 * @property {string | undefined} modules the directory with modules.builtin and kernel/; undefined when all is built in
 */

/**
 * @typedef {object} KernelKind
 * @property {string} label in one line, for people
 * @property {() => boolean} isReady whether the next boot needs neither network nor build
 * @property {() => string} work what `prepare` does where it is not ready, and about how long that takes
 * @property {() => Promise<Kernel>} prepare fetches or builds it unless it is cached
 * @property {'single' | 'multi'} threads whether QEMU may give each CPU a thread of its own
 * @property {number} cpus of the lab by default
 */

/** @typedef {'stock' | 'own'} KernelName */

/** @type {Readonly<Record<KernelName, KernelKind>>} */
export const KERNELS = Object.freeze({
  // With a thread for each CPU, 6.12 sometimes dies while it patches its own text. With one thread for all, each CPU waits for the others.
  stock: {
    label: 'Debian\'s own kernel',
    isReady: isStockKernelReady,
    work: stockKernelWork,
    prepare: stockKernel,
    threads: 'single',
    cpus: 1,
  },
  own: {
    label: 'Debian\'s source, small and patched',
    isReady: isOwnKernelReady,
    work: ownKernelWork,
    prepare: ownKernel,
    threads: 'multi',
    cpus: 2,
  },
});

/** All of them, in the order in which they are shown. */
export const KERNEL_NAMES = Object.freeze(/** @type {KernelName[]} */ (Object.keys(KERNELS)));

/**
 * @param {string | undefined} text of the command line
 * @returns {text is KernelName} whether there is such a kernel
 */
export const isKernelName = (text) => text !== undefined && Object.hasOwn(KERNELS, text);
