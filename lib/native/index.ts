/** The native addon: its contract, and how to get it. */
export type * from './addon.js';
export { ADDON_VARIABLE, AddonNotBuiltError, nativeAddon } from './loader.js';
