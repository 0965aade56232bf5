/** `npm run clean`: deletes everything that can be built again; packages stay. */
import { rmSync } from 'node:fs';
import { inRoot } from './setup/checkout.js';

for (const path of ['build', 'dist', 'prebuilds', 'guest/build', 'native/build', 'test/oracle/dist', '.bootstrap']) rmSync(inRoot(path), { recursive: true, force: true });
