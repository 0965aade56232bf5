/** The addon under test, as the library loads it. */
import { nativeAddon } from '../../lib/native/index.js';

/** The addon's exports. */
export const addon = nativeAddon();
