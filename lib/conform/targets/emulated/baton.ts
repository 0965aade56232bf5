/**
 * Who may touch the model: the vCPUs' thread holds the baton but while a vCPU is in KVM_RUN, another thread takes it for a call. KVM's locks are finer; what
 * a case can see is the same.
 */

const FREE = 0;
const HELD = 1;

/** See the module's comment. One word of shared memory. */
export class Baton {
  constructor(private readonly word: Int32Array) {}

  /** Waits for the baton. */
  take(): void {
    while (Atomics.compareExchange(this.word, 0, FREE, HELD) !== FREE) Atomics.wait(this.word, 0, HELD);
  }

  /** Lets the next one have it. */
  give(): void {
    Atomics.store(this.word, 0, FREE);
    Atomics.notify(this.word, 0);
  }
}
