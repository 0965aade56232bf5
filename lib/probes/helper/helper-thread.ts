/** The helper thread as the probes see it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { FaultLabError } from '../../errors/index.js';
import type { Msi, Vm } from '../../kvm/index.js';
import type { NativeMapping, NativeUserfaultfd } from '../../native/index.js';
import type { FaultingThread, HelperAnswer, HelperTask } from './task.js';

/** One task at a time. A task begins by itself: its caller's thread may be in KVM_RUN meanwhile. */
export class HelperThread {
  private constructor(private readonly worker: Worker) {}

  /** Starts the thread; it has loaded everything it needs when the promise settles. Throws FaultLabError `PROBE_HELPER`. */
  static async start(): Promise<HelperThread> {
    const helper = new HelperThread(new Worker(new URL('./helper-worker.js', import.meta.url), { name: 'probe helper' }));
    await helper.answer('ready');
    return helper;
  }

  /**
   * Fills each missing page of `mapping`, registered with `uffd`, with zeroes while `body` runs.
   * @returns what `body` returned, and who faulted, in order
   * @throws FaultLabError `PROBE_HELPER`
   */
  async serving<T>(uffd: NativeUserfaultfd, mapping: NativeMapping, body: () => T): Promise<{ result: T; faults: readonly FaultingThread[] }> {
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const answered = this.ask({ kind: 'serveUserfaultfd', userfaultfdShare: uffd.share(), mappingShare: mapping.share(), stop }, 'serveUserfaultfd');
    try {
      const result = body();
      Atomics.store(stop, 0, 1);
      return { result, faults: (await answered).faults };
    } finally {
      Atomics.store(stop, 0, 1);
      await answered.catch(() => undefined);
    }
  }

  /**
   * Sends `msi` after `delayMs` while `body` runs.
   * @returns what `body` returned, and what KVM_SIGNAL_MSI did
   * @throws FaultLabError `PROBE_HELPER`
   */
  async signalling<T>(vm: Vm, msi: Msi, delayMs: number, body: () => T): Promise<{ result: T; signalled: number }> {
    const answered = this.ask({ kind: 'signalMsi', vmShare: vm.share(), msi, delayMs }, 'signalMsi');
    try {
      const result = body();
      return { result, signalled: (await answered).result };
    } finally {
      await answered.catch(() => undefined);
    }
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private async ask<Kind extends HelperTask['kind']>(task: HelperTask, kind: Kind): Promise<Extract<HelperAnswer, { kind: Kind }>> {
    const answer = this.answer(kind);
    this.worker.postMessage(task);
    return answer;
  }

  private async answer<Kind extends HelperAnswer['kind']>(kind: Kind): Promise<Extract<HelperAnswer, { kind: Kind }>> {
    const [answer] = (await once(this.worker, 'message')) as [HelperAnswer];
    if (answer.kind === kind) return answer as Extract<HelperAnswer, { kind: Kind }>;
    throw new FaultLabError('PROBE_HELPER', `the probes' helper thread failed: ${answer.kind === 'failed' ? answer.message : `it answered ${answer.kind}`}`);
  }
}
