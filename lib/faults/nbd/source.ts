/**
 * A page source that reads an NBD export: page n of the window is bytes n * 4096 and on of it, zero beyond its end. Many pages are on their way at once. A page
 * that the server has no contents for (it answers with an error) is lost: the guest meets poisoned memory there. A connection that breaks, or a server that does
 * not answer, ends the run with a code that begins with `NBD_`.
 */
import { MessageChannel, Worker, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { FaultLabError } from '../../errors/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import type { BackgroundFetches, FillTarget, PageSource, PageSourceModule } from '../page-source.js';
import type { WakerPlan } from '../resolver-waker.js';
import type { NbdAddress } from './address.js';
import { NBD_TIMEOUTS, type NbdTimeouts } from './connection.js';
import { FetchMemory } from './fetch-memory.js';
import type { LossMessage, NbdWorkerPlan, OpenMessage } from './worker.js';

/** Options of {@link openPageSource}. */
export interface NbdSourceOptions {
  readonly address: NbdAddress;
  /** Most reads of one resolver at once; others wait for their turn. */
  readonly inFlight: number;
  readonly timeouts?: NbdTimeouts;
}

/** Names the NBD source to resolver Workers. */
export function nbdSource(options: NbdSourceOptions): PageSourceModule {
  return { module: import.meta.url, options };
}

/**
 * Entry point for resolver Workers: connects.
 * @throws FaultLabError `NBD_UNREACHABLE`, `NBD_REFUSED`, `NBD_PROTOCOL`, `NBD_TIMEOUT`, `NBD_LOST`
 */
export async function openPageSource(options: unknown, waker: WakerPlan): Promise<PageSource> {
  const { address, inFlight, timeouts = NBD_TIMEOUTS } = options as NbdSourceOptions;
  const memory = FetchMemory.allocate(inFlight);
  const { port1, port2 } = new MessageChannel();
  const workerData: NbdWorkerPlan = { address, timeouts, memory, waker, port: port2 };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, transferList: [port2], name: `NBD ${address.uri}` });
  try {
    const message = await new Promise<OpenMessage>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => {
        reject(new FaultLabError('NBD_LOST', `the Worker of the connection to ${address.uri} ended with code ${code}`));
      });
    });
    if (!message.open) throw new FaultLabError(message.code, message.message);
  } catch (error) {
    port1.close();
    await worker.terminate();
    throw error;
  }
  worker.removeAllListeners();
  worker.unref();
  port1.unref();
  return new NbdSource(address, new FetchMemory(memory), inFlight, port1, worker, 2 * timeouts.readMs);
}

/** A wait looks at its end this often. */
const LONGEST_SLEEP_MS = 1000;

/** Contents that have come and wait to be filled in. */
interface Staged {
  readonly slot: number;
  readonly error: number;
}

class NbdSource implements PageSource {
  readonly background: BackgroundFetches = {
    begin: (page) => {
      this.begin(page);
    },
    take: () => this.takeNext(),
  };
  private readonly freeSlots: number[];
  /** Pages that wait for a slot, from `firstWaiting` on. */
  private readonly waiting: number[] = [];
  private readonly staged = new Map<number, Staged>();
  /** Pages that came while a fill waited for another one. */
  private readonly passedOver: number[] = [];
  private readonly scratch = new Uint8Array(PAGE_SIZE);

  constructor(
    private readonly address: NbdAddress,
    private readonly memory: FetchMemory,
    slots: number,
    private readonly port: MessagePort,
    private readonly worker: Worker,
    private readonly longestWaitMs: number,
  ) {
    this.freeSlots = Array.from({ length: slots }, (_, slot) => slot);
  }

  fill(page: number, count: number, target: FillTarget): void {
    for (let at = page; at < page + count; at++) {
      const offset = (at - page) * PAGE_SIZE;
      const { slot, error } = this.staged.get(at) ?? this.fetch(at);
      this.staged.delete(at);
      if (error === 0) {
        // The addon takes no shared memory that is not its own.
        this.scratch.set(this.memory.contents(slot));
        target.write(offset, this.scratch);
      } else {
        target.poison(offset, PAGE_SIZE);
      }
      this.freeSlots.push(slot);
      const next = this.waiting.shift();
      if (next !== undefined) this.begin(next);
    }
  }

  close(): void {
    this.port.close();
    void this.worker.terminate();
  }

  private begin(page: number): void {
    const slot = this.freeSlots.pop();
    if (slot === undefined) this.waiting.push(page);
    else this.port.postMessage({ page, slot });
  }

  private takeNext(): number {
    const passed = this.passedOver.shift();
    if (passed !== undefined) return passed;
    if (this.take()) return this.memory.page;
    if (this.memory.isLost) this.refuseLost();
    return -1;
  }

  private take(): boolean {
    if (!this.memory.take()) return false;
    const { page, slot, error } = this.memory;
    this.staged.set(page, { slot, error });
    return true;
  }

  /** Reads one page while everything else waits. */
  private fetch(page: number): Staged {
    this.begin(page);
    const deadlineMs = performance.now() + this.longestWaitMs;
    for (;;) {
      const bell = this.memory.bell();
      while (this.take()) {
        if (this.memory.page !== page) {
          this.passedOver.push(this.memory.page);
          continue;
        }
        const staged = this.staged.get(page);
        if (staged !== undefined) return staged;
      }
      if (this.memory.isLost) this.refuseLost();
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new FaultLabError('NBD_TIMEOUT', `waited ${this.longestWaitMs / 1000} s for page ${page} of ${this.address.uri}`);
      this.memory.wait(bell, Math.min(leftMs, LONGEST_SLEEP_MS));
    }
  }

  private refuseLost(): never {
    const received = receiveMessageOnPort(this.port) as { readonly message: LossMessage } | undefined;
    const { code, message } = received?.message ?? { code: 'NBD_LOST', message: `the connection to ${this.address.uri} is lost` };
    throw new FaultLabError(code, message, { hint: 'see whether the server still runs; the run is over, as reconnecting would be part of what is measured' });
  }
}
