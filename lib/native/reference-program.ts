/** Finds the C reference of the VMM loops (native/reference), which is built and shipped with the addon. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FaultLabError } from '../errors/index.js';
import { packageRoot } from './loader.js';

/** Below the package's root, the better the earlier. */
const PLACES = ['build/Release/kvm_faultlab_reference', 'prebuilds/linux-x64/kvm_faultlab_reference'];

/**
 * Path of the program.
 * @throws FaultLabError `REFERENCE_NOT_BUILT`
 */
export function referenceProgram(): string {
  const found = PLACES.map((place) => join(packageRoot(), place)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new FaultLabError('REFERENCE_NOT_BUILT', `the C reference of the VMM is at none of its places: ${PLACES.join(', ')}`, {
    hint: 'build it with `npm run build` in a checkout, or `npm rebuild kvm-faultlab` where it is installed',
  });
}
