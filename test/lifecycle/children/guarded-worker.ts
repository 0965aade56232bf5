/** A guarded copy that faults, in a Worker that then ends. Posts the error's code. */
import { parentPort } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';
import { PAGE, PROT_NONE } from '../../native/support/constants.js';

const mapping = nativeAddon().Mapping.anonymous(PAGE, PROT_NONE);
try {
  mapping.read(0, new Uint8Array(1));
} catch (error) {
  parentPort?.postMessage((error as { code: string }).code);
}
