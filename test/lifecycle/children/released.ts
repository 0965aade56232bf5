/** A Worker waits six times, 10 s each; the main thread releases all. Prints what the waits returned. */
import { once } from 'node:events';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';
import { UFFD_MESSAGE_BYTES } from '../../native/support/constants.js';

const { EventFd, Userfaultfd, releaseAll } = nativeAddon();

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  await once(worker, 'message');
  releaseAll();
  const [returned] = (await once(worker, 'message')) as [number[]];
  process.stdout.write(JSON.stringify(returned));
} else {
  const event = new EventFd();
  const uffd = new Userfaultfd(0n);
  const message = new Uint8Array(UFFD_MESSAGE_BYTES);
  parentPort?.postMessage('about to wait');
  const waits = [() => event.wait(10e9), () => uffd.read(message, 10e9), () => uffd.read(message, 10e9, event)];
  parentPort?.postMessage([...waits, ...waits].map((wait) => wait()));
}
