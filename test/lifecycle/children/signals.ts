/** What signals do after guarded copies have put their handlers in place. The argument names the case. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';
import type { NativeAddon } from '../../../lib/native/index.js';
import { PAGE, PROT_NONE } from '../../native/support/constants.js';

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { instantiate(bytes: Uint8Array): Promise<{ instance: { exports: { load: (address: number) => number } } }> };
};
/** (module (memory 1) (func (export "load") (param i32) (result i32) local.get 0 i32.load)) */
const LOADER = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0, 5, 3, 1, 0, 1,
  7, 8, 1, 4, 0x6c, 0x6f, 0x61, 0x64, 0, 0, 10, 9, 1, 7, 0, 0x20, 0, 0x28, 2, 0, 0x0b,
);

function faultingCopy({ Mapping }: NativeAddon): string {
  const mapping = Mapping.anonymous(PAGE, PROT_NONE);
  try {
    mapping.read(0, new Uint8Array(1));
    return 'no fault';
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    mapping.close();
  }
}

/** The addon is loaded, and its handlers are put in place, in a Worker only: then the Worker is gone. */
async function inWorkerOnly(): Promise<void> {
  const worker = new Worker(new URL('./guarded-worker.js', import.meta.url));
  // It may come in the same turn as the message.
  const exited = once(worker, 'exit');
  const [code] = (await once(worker, 'message')) as [string];
  if (code !== 'MAPPING_SIGSEGV') throw new Error(`the Worker's copy gave ${code}`);
  await exited;
}

async function wasmTrap(): Promise<string> {
  const { instance } = await WebAssembly.instantiate(LOADER);
  try {
    return `loaded ${instance.exports.load(-1)}`;
  } catch (error) {
    return (error as Error).constructor.name;
  }
}

const cases: Record<string, () => Promise<string>> = {
  async 'sent SIGSEGV'() {
    faultingCopy(nativeAddon());
    process.kill(process.pid, 'SIGSEGV');
    await sleep(10_000);
    return 'still alive';
  },
  async 'sent SIGBUS'() {
    faultingCopy(nativeAddon());
    process.kill(process.pid, 'SIGBUS');
    await sleep(10_000);
    return 'still alive';
  },
  async 'sent SIGBUS with a listener'() {
    const seen = once(process, 'SIGBUS');
    faultingCopy(nativeAddon());
    process.kill(process.pid, 'SIGBUS');
    const ending = new AbortController(); // a listener alone does not keep the event loop alive
    const waited = sleep(10_000, 'not seen for 10 s', { signal: ending.signal });
    const result = await Promise.race([seen.then(() => 'seen'), waited]);
    ending.abort();
    await waited.catch(() => undefined);
    return result;
  },
  async 'SIGSEGV taken over'() {
    const before = faultingCopy(nativeAddon());
    process.on('SIGSEGV', () => undefined);
    const during = faultingCopy(nativeAddon());
    process.removeAllListeners('SIGSEGV');
    return Promise.resolve([before, during, faultingCopy(nativeAddon())].join());
  },
  async 'taken over too often'() {
    const codes = new Set<string>();
    for (let i = 0; i < 20; i++) {
      process.on('SIGBUS', () => undefined);
      codes.add(faultingCopy(nativeAddon()));
      process.removeAllListeners('SIGBUS');
    }
    return Promise.resolve([...codes].join());
  },
  async 'WebAssembly trap after a Worker unloaded the addon'() {
    await inWorkerOnly();
    return wasmTrap();
  },
  async 'sent SIGBUS after a Worker unloaded the addon'() {
    await inWorkerOnly();
    process.kill(process.pid, 'SIGBUS');
    await sleep(10_000);
    return 'still alive';
  },
};

const [, , name = ''] = process.argv;
if (!(name in cases)) throw new Error(`no case is named ${name}`);
process.stdout.write(await cases[name]());
