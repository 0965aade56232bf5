/** The suite's other thread as targets see it: started with the first task, one task at a time. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { FaultLabError } from '../../errors/index.js';
import type { ThreadAnswer, ThreadTask } from './task.js';

/** See the module's comment. */
export class OtherThread {
  private worker: Worker | undefined;

  /**
   * Has the task done while `body` keeps this thread.
   * @returns what `body` returned, and the call's errno
   * @throws FaultLabError `CONFORM_THREAD`
   */
  async whileDoing<T>(task: ThreadTask, body: () => T): Promise<{ result: T; errno: number }> {
    const worker = await this.started();
    const answered = OtherThread.answer(worker);
    worker.postMessage(task);
    try {
      const result = body();
      const answer = await answered;
      if (answer.kind !== 'done') throw OtherThread.broken(answer);
      return { result, errno: answer.errno };
    } finally {
      await answered.catch(() => undefined);
    }
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.worker?.terminate();
    this.worker = undefined;
  }

  private async started(): Promise<Worker> {
    if (this.worker === undefined) {
      const worker = new Worker(new URL('./worker.js', import.meta.url), { name: 'conform' });
      const answer = await OtherThread.answer(worker);
      if (answer.kind !== 'started') throw OtherThread.broken(answer);
      this.worker = worker;
    }
    return this.worker;
  }

  private static async answer(worker: Worker): Promise<ThreadAnswer> {
    const [answer] = (await once(worker, 'message')) as [ThreadAnswer];
    return answer;
  }

  private static broken(answer: ThreadAnswer): FaultLabError {
    return new FaultLabError('CONFORM_THREAD', `the suite's other thread failed: ${answer.kind === 'failed' ? answer.message : `it answered ${answer.kind}`}`);
  }
}
