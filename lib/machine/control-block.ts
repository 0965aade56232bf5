/**
 * The few words by which the supervisor and the Workers of a machine talk while they run: go, stop, and the vCPUs' thread ids.
 */

const GO = 0;
const STOP = 1;
const PAGING = 2;
const THREADS = 16;

/** See the module's comment. */
export class ControlBlock {
  private readonly words: Int32Array;
  /** Linux thread id of each vCPU, filled before {@link go}. */
  readonly vcpuThreads: Int32Array;

  /** @param buffer - made by {@link ControlBlock.allocate} */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.vcpuThreads = this.words.subarray(THREADS);
  }

  static allocate(vcpuCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer((THREADS + vcpuCount) * 4);
  }

  /** Lets every Worker in {@link waitForGo} start. */
  go(): void {
    Atomics.store(this.words, GO, 1);
    Atomics.notify(this.words, GO);
  }

  /** Asks every Worker to end; they notice when they are kicked, or within a slice. */
  stop(): void {
    Atomics.store(this.words, STOP, 1);
    this.go();
  }

  get stopped(): boolean {
    return Atomics.load(this.words, STOP) !== 0;
  }

  /** The guest has asked for its first page. True for the one caller that said so first. */
  setPaging(): boolean {
    return Atomics.exchange(this.words, PAGING, 1) === 0;
  }

  get paging(): boolean {
    return Atomics.load(this.words, PAGING) !== 0;
  }

  /** Sleeps until {@link go} or for `timeoutMs`; true when it was called. */
  waitForGo(timeoutMs: number): boolean {
    Atomics.wait(this.words, GO, 0, timeoutMs);
    return Atomics.load(this.words, GO) !== 0;
  }
}
