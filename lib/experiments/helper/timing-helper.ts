/** A second thread that does things at known times while this one is in KVM_RUN. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { FaultLabError } from '../../errors/index.js';
import type { TimedAnswer, TimedMessage, TimedTask } from './task.js';

/** One task at a time. */
export class TimingHelper {
  private constructor(private readonly worker: Worker) {}

  /** Runs `body` with a helper that has loaded everything it needs; the thread is gone afterwards. */
  static async with<T>(body: (helper: TimingHelper) => Promise<T>): Promise<T> {
    const helper = new TimingHelper(new Worker(new URL('./timing-worker.js', import.meta.url), { name: 'experiment helper' }));
    try {
      await helper.message();
      return await body(helper);
    } finally {
      await helper.worker.terminate();
    }
  }

  /**
   * Does a task while `body` runs on this thread. What is due later than the end of `body` is not done.
   * @throws FaultLabError `EXPERIMENT_HELPER`
   */
  async during<T>(task: Omit<TimedTask, 'stop'>, body: () => T): Promise<{ readonly result: T; readonly times: TimedAnswer }> {
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const answered = this.message();
    this.worker.postMessage({ ...task, stop } satisfies TimedTask);
    try {
      const result = body();
      end(stop);
      const message = await answered;
      if (message.kind !== 'done') throw new FaultLabError('EXPERIMENT_HELPER', `the experiment's helper thread failed: ${message.kind === 'failed' ? message.message : message.kind}`);
      return { result, times: message.answer };
    } finally {
      end(stop);
      await answered.catch(() => undefined);
    }
  }

  private async message(): Promise<TimedMessage> {
    const [message] = (await once(this.worker, 'message')) as [TimedMessage];
    return message;
  }
}

function end(stop: Int32Array): void {
  Atomics.store(stop, 0, 1);
  Atomics.notify(stop, 0);
}
