/** The native addon: its contract, and how to get it. */
export type * from './addon.js';
export { ADDON_VARIABLE, nativeAddon, packageRoot } from './loader.js';
export { referenceProgram } from './reference-program.js';
