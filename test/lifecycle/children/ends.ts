/**
 * Ends this process, or its Worker, in the way named by the argument while a vCPU in a Worker runs a guest that never exits.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeAddon } from '../../../lib/native/index.js';
import { startSpinning } from './spinning.js';

const { Vcpu, liveHandles } = nativeAddon();

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Handles that finalizers have not closed yet are closed in a turn of the event loop. */
async function liveHandlesAtRest(): Promise<number> {
  for (let i = 0; i < 100; i++) {
    const open = Object.values(liveHandles()).reduce((sum, count) => sum + count, 0);
    if (open === 0) return 0;
    await sleep(20);
  }
  return Object.values(liveHandles()).reduce((sum, count) => sum + count, 0);
}

const ways: Record<string, () => Promise<void>> = {
  async 'process.exit'() {
    await startSpinning();
    process.exit(3);
  },
  async 'process.exit of four'() {
    await Promise.all([1, 2, 3, 4].map(() => startSpinning()));
    process.exit(3);
  },
  async 'uncaught exception'() {
    await startSpinning();
    throw new Error('thrown on purpose');
  },
  async 'unhandled rejection'() {
    await startSpinning();
    await Promise.reject(new Error('rejected on purpose'));
  },
  async 'SIGTERM'() {
    await startSpinning();
    process.kill(process.pid, 'SIGTERM');
    await sleep(60_000);
  },
  async 'abort'() {
    await startSpinning();
    process.abort();
  },
  async 'terminate'() {
    const { worker } = await startSpinning();
    print({ code: await worker.terminate(), open: await liveHandlesAtRest() });
  },
  async 'kick and terminate'() {
    const { worker, share } = await startSpinning();
    const ended = worker.terminate();
    print({ kicked: Vcpu.kick(share), code: await ended, open: await liveHandlesAtRest(), kickedAfter: Vcpu.kick(share) });
  },
  async 'stop and kick'() {
    const { worker, share, stop } = await startSpinning();
    stop();
    const kicked = Vcpu.kick(share);
    // It may come in the same turn as the message.
    const exited = once(worker, 'exit');
    const [message] = (await once(worker, 'message')) as [unknown];
    await exited;
    print({ kicked, message, open: await liveHandlesAtRest() });
  },
  async 'Worker ends with everything open'() {
    const { worker, share, stop } = await startSpinning({ leaveOpen: true });
    stop();
    Vcpu.kick(share);
    await once(worker, 'exit');
    print({ open: await liveHandlesAtRest(), kicked: Vcpu.kick(share) });
  },
};

const [, , way = ''] = process.argv;
if (!(way in ways)) throw new Error(`no way to end is named ${way}`);
await ways[way]();
