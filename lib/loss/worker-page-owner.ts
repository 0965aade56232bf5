/** An owner of pages in a Worker of its own: what throws, blocks or ends there does so without the VMM. */
import { once } from 'node:events';
import { MessageChannel, Worker, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { FaultLabError } from '../errors/index.js';
import { patience } from '../probes/index.js';
import type { PageAnswer, PageOwner } from './page-owner.js';

/** What the Worker is given. */
export interface PageOwnerPlan {
  /** file: URL of a module with {@link PageFetcherExports}. */
  readonly module: string;
  readonly options: unknown;
  readonly port: MessagePort;
}

/** What the Worker is asked. */
export interface PageOwnerRequest {
  readonly id: number;
  readonly page: number;
}

const START_LIMIT_MS = 10_000;

/** See the module's comment. */
export class WorkerPageOwner implements PageOwner {
  private constructor(
    private readonly worker: Worker,
    private readonly port: MessagePort,
  ) {}

  /**
   * Starts the Worker, has it load the module, hands the owner to `body`, and ends the Worker.
   * @param module - file: URL of an ES module that exports `openPageFetcher(options)`
   * @param options - structured-cloneable
   * @throws FaultLabError `PAGE_OWNER_FAILED` where the module does not load in time
   */
  static async with<T>(module: string, options: unknown, body: (owner: WorkerPageOwner) => T | Promise<T>): Promise<T> {
    const { port1, port2 } = new MessageChannel();
    const plan: PageOwnerPlan = { module, options, port: port2 };
    const worker = new Worker(new URL('./page-owner-worker.js', import.meta.url), { workerData: plan, transferList: [port2], name: 'page owner' });
    try {
      const limitMs = patience(START_LIMIT_MS);
      try {
        await once(worker, 'message', { signal: AbortSignal.timeout(limitMs) });
      } catch (error) {
        const why = error instanceof Error && error.name === 'AbortError' ? `it took longer than ${limitMs / 1000} s` : error instanceof Error ? error.message : String(error);
        throw new FaultLabError('PAGE_OWNER_FAILED', `the owner of pages in ${module} did not start: ${why}`, { cause: error });
      }
      // What ends the Worker from here on is an owner that does not answer.
      worker.on('error', () => undefined);
      return await body(new WorkerPageOwner(worker, port1));
    } finally {
      port1.close();
      await worker.terminate();
    }
  }

  /** {@inheritDoc PageOwner.ask} */
  ask(id: number, page: number): void {
    this.port.postMessage({ id, page } satisfies PageOwnerRequest);
  }

  /** {@inheritDoc PageOwner.take} */
  take(): PageAnswer | null {
    const received = receiveMessageOnPort(this.port) as { readonly message: PageAnswer } | undefined;
    return received?.message ?? null;
  }

  /** Ends the Worker ahead of its time, as a crash would. */
  async kill(): Promise<void> {
    await this.worker.terminate();
  }
}
