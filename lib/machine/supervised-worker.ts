/**
 * A Worker under supervision: its messages as promises that always settle, its death as an error that says who died.
 */
import { Worker } from 'node:worker_threads';
import { FaultLabError } from '../errors/index.js';
import type { WorkerMessage } from './plan.js';
import { deserializeError } from './serialized-error.js';

/** What a Worker said when it was ready. */
export type ReadyMessage = Extract<WorkerMessage, { kind: 'ready' }>;

/** Workers allocate next to nothing in their loops; by default each would keep tens of MiB for what its start leaves behind. */
const YOUNG_GENERATION_MIB = 2;

/** See the module's comment. */
export class SupervisedWorker {
  /** Settles when the Worker is ready; rejects when it failed or died before. */
  readonly ready: Promise<ReadyMessage>;
  /** Settles when the Worker did its job, with the size of its JavaScript heap, bytes; rejects when it failed or died. */
  readonly done: Promise<number>;
  /** Settles when the thread is gone, however it went. Never rejects. */
  readonly gone: Promise<void>;
  private readonly worker: Worker;
  private hasOrders = false;

  /**
   * @param name - for messages: `vCPU 0`
   * @param module - the Worker's script, which waits for its orders
   */
  constructor(
    readonly name: string,
    module: URL,
  ) {
    this.worker = new Worker(module, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB }, name });
    const ready = new Settling<ReadyMessage>();
    const done = new Settling<number>();
    this.ready = ready.promise;
    this.done = done.promise;
    const fail = (error: FaultLabError): void => {
      ready.reject(error);
      done.reject(error);
    };
    this.worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') ready.resolve(message);
      else if (message.kind === 'done') done.resolve(message.heapSizeBytes);
      else fail(deserializeError(message.error, name));
    });
    this.worker.on('error', (error: unknown) => {
      fail(new FaultLabError('WORKER_DIED', `${name} died: ${error instanceof Error ? error.message : String(error)}`, { cause: error }));
    });
    this.gone = new Promise((resolve) => {
      this.worker.on('exit', (code) => {
        fail(new FaultLabError('WORKER_DIED', `${name} ended with code ${code} before it was done`));
        resolve();
      });
    });
    // Somebody may only wait for `gone`: a rejection nobody looks at must not end the process.
    this.ready.catch(() => undefined);
    this.done.catch(() => undefined);
  }

  /** True once it knows what to do: before, it waits and does not look at stop flags. */
  get ordered(): boolean {
    return this.hasOrders;
  }

  /**
   * Says what to do.
   * @param plan - what {@link receiveOrders} gets in the Worker
   * @throws DataCloneError where some of it cannot be cloned
   */
  order(plan: unknown): void {
    this.worker.postMessage(plan);
    this.hasOrders = true;
  }

  /** Ends the thread; whoever runs a vCPU in it notices within a slice. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }
}

/** A promise and its two ends: Promise.withResolvers of Node 22, on Node 20. */
class Settling<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: Error) => void;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}
