/** What the kernels are called. Apart from the kernels themselves, so that a help text does not load all that builds them. */

/** @typedef {'stock' | 'own'} KernelName */

/** In the order in which they are shown; the first is the default. */
export const KERNEL_NAMES = Object.freeze(/** @type {const} */ (['stock', 'own']));

/**
 * @param {string | undefined} text of the command line
 * @returns {text is KernelName} whether there is such a kernel
 */
export const isKernelName = (text) => KERNEL_NAMES.some((name) => name === text);
