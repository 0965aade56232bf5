/** The addon under test, loaded as the library loads it. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeAddon } from '../../lib/native/addon.js';

const load = createRequire(import.meta.url)('node-gyp-build') as (root: string) => NativeAddon;

/** The addon's exports. */
export const addon = load(fileURLToPath(new URL('../../..', import.meta.url)));
