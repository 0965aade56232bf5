/** The native addon: its contract, and how to get it. */
export type * from './addon.js';
export { ADDON_VARIABLE, nativeAddon, packageRoot } from './loader.js';
export { StampKind, keepStamps, noteStamp, readStamps, stampsSizeBytes, type StampLog } from './stamps.js';
export { referenceProgram } from './reference-program.js';
