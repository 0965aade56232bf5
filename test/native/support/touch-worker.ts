/** Reads (and first writes) one byte of a mapping, waiting for it as long as it takes, and posts it. */
import { parentPort, workerData } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';

const { share, offset, write } = workerData as { share: number; offset: number; write?: number };
const mapping = nativeAddon().Mapping.adopt(share);
const byte = new Uint8Array(1);
if (write !== undefined) mapping.write(offset, Uint8Array.of(write));
mapping.read(offset, byte);
mapping.close();
parentPort?.postMessage(byte[0]);
