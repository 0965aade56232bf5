/**
 * The Worker of one connection: reads what the resolver Worker orders, several pages at once, puts contents into the memory that both share, and wakes the
 * resolver. It has an event loop, which the resolver has not: that one sleeps in native code or on its request ring.
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { FaultLabError, isCoded } from '../../errors/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import { ResolverWaker, type WakerPlan } from '../resolver-waker.js';
import type { NbdAddress } from './address.js';
import { NbdConnection, type NbdTimeouts } from './connection.js';
import { FetchMemory, type FetchMemoryPlan, type FetchOrder } from './fetch-memory.js';

/** What the Worker is told when it starts. */
export interface NbdWorkerPlan {
  readonly address: NbdAddress;
  readonly timeouts: NbdTimeouts;
  readonly memory: FetchMemoryPlan;
  readonly waker: WakerPlan;
  /** Orders come in, the reason of a loss goes out. */
  readonly port: MessagePort;
}

/** An error that crosses threads. */
export interface LossMessage {
  readonly code: string;
  readonly message: string;
}

/** What the Worker says once: that it is connected, or why not. */
export type OpenMessage = { readonly open: true } | ({ readonly open: false } & LossMessage);

async function serve({ address, timeouts, memory: plan, waker: wakerPlan, port }: NbdWorkerPlan): Promise<void> {
  const memory = new FetchMemory(plan);
  const waker = new ResolverWaker(wakerPlan);
  const lose = (error: unknown): void => {
    port.postMessage(lossOf(error));
    memory.setLost();
    waker.wake();
  };
  const connection = await NbdConnection.open(address, lose, timeouts);
  const { sizeBytes, leastBlockBytes } = connection.export;
  if (leastBlockBytes > PAGE_SIZE) throw new FaultLabError('NBD_REFUSED', `${address.uri} can be read in blocks of ${leastBlockBytes} bytes only, which are larger than a page`);
  port.on('message', (order: FetchOrder) => {
    const offset = order.page * PAGE_SIZE;
    const lengthBytes = Math.min(PAGE_SIZE, sizeBytes - offset);
    const contents = memory.contents(order.slot);
    contents.fill(0, Math.max(0, lengthBytes));
    const end = (error: number): void => {
      memory.arrived(order, error);
      waker.wake();
    };
    // Pages beyond the export's end are zero, as beyond a file's.
    if (lengthBytes <= 0) {
      end(0);
      return;
    }
    try {
      connection.read(offset, lengthBytes, (error, bytes) => {
        if (bytes !== null) contents.set(bytes);
        end(error);
      });
    } catch {
      // The connection is lost, and the resolver knows.
    }
  });
}

function lossOf(error: unknown): LossMessage {
  return { code: isCoded(error) ? error.code : 'NBD_LOST', message: error instanceof Error ? error.message : String(error) };
}

serve(workerData as NbdWorkerPlan).then(
  () => parentPort?.postMessage({ open: true } satisfies OpenMessage),
  (error: unknown) => parentPort?.postMessage({ open: false, ...lossOf(error) } satisfies OpenMessage),
);
