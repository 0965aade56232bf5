/**
 * Ready events on their way to one vCPU's guest, emulated as KVM does it: one token word in the shared area, the next event only after the
 * guest emptied the word and wrote the ACK MSR. Resolver Workers push from their own threads; whoever finds the word free delivers, so a
 * completion needs no exit of the vCPU.
 *
 * All state is in shared memory. A counter of wishes makes the delivering section exclusive without a lock: whoever raises it from
 * zero works, anybody else only leaves a wish behind that makes the worker look again.
 */
import { APF_WAKE_ALL_TOKEN } from '../uapi/index.js';
import { GENERATIONS } from './request-tag.js';

/** What the queue does to the outside, in the Worker that happens to deliver. */
export interface ReadyDelivery {
  /** The token word of the vCPU's shared area, 0 when it is free. */
  readToken(): number;
  /** Writes the token word, then raises the ready interrupt with `vector`. */
  deliver(token: number, vector: number): void;
}

const WISHES = 0;
const PENDING = 1;
const ENABLED = 2;
const VECTOR = 3;
const GENERATION = 4;
const AREA = 5;
const DELIVERED = 6;
const STALE = 7;
const WAKE_ALL_QUEUED = 8;
const HEAD = 16;
const TAIL = 32;
const CELLS = 48;
/** Cell: sequence, token, generation, unused. */
const CELL_WORDS = 4;
/** A guest has 64 requests under way or undelivered, besides one wake-all; more than that only while a completion is being pushed. */
const CELL_COUNT = 256;

/** Words that one queue takes. */
export const READY_QUEUE_WORDS = CELLS + CELL_COUNT * CELL_WORDS;

/** See the module's comment. */
export class ReadyQueue {
  private readonly words: Int32Array;

  /**
   * @param buffer - shared memory, laid out by {@link ReadyQueue.allocate}
   * @param index - which of the queues laid one after the other
   */
  constructor(buffer: SharedArrayBuffer, index: number) {
    this.words = new Int32Array(buffer, index * READY_QUEUE_WORDS * 4, READY_QUEUE_WORDS);
  }

  /** Memory for the queues of `vcpuCount` vCPUs. */
  static allocate(vcpuCount: number): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(vcpuCount * READY_QUEUE_WORDS * 4);
    for (let vcpu = 0; vcpu < vcpuCount; vcpu++) {
      const words = new Int32Array(buffer, vcpu * READY_QUEUE_WORDS * 4, READY_QUEUE_WORDS);
      for (let cell = 0; cell < CELL_COUNT; cell++) words[CELLS + cell * CELL_WORDS] = cell;
    }
    return buffer;
  }

  /** Byte offset of the guest's shared area within system RAM; valid while enabled. */
  get areaOffset(): number {
    return Atomics.load(this.words, AREA) * 64;
  }

  get generation(): number {
    return Atomics.load(this.words, GENERATION) >>> 0;
  }

  /** Ready events delivered so far, wake-all included. */
  get delivered(): number {
    return Atomics.load(this.words, DELIVERED);
  }

  /** Completions dropped because the guest had disabled async page faults meanwhile. */
  get stale(): number {
    return Atomics.load(this.words, STALE);
  }

  /**
   * The guest enabled delivery, or enabled it again elsewhere: what is outstanding then stays so, as in KVM.
   * @param areaOffset - of the shared area within system RAM, 64-byte aligned
   */
  enable(areaOffset: number, vector: number): void {
    this.exclusive(() => {
      Atomics.store(this.words, AREA, areaOffset / 64);
      Atomics.store(this.words, VECTOR, vector);
      Atomics.store(this.words, ENABLED, 1);
    });
  }

  /** The guest disabled delivery: whatever is outstanding is forgotten. */
  disable(): void {
    this.exclusive(() => {
      Atomics.add(this.words, GENERATION, 1);
      Atomics.store(this.words, ENABLED, 0);
      Atomics.store(this.words, PENDING, 0);
      this.dropAll();
    });
  }

  /** The guest changed the vector while enabled. */
  setVector(vector: number): void {
    Atomics.store(this.words, VECTOR, vector);
  }

  /**
   * Queues a ready event and delivers what can be delivered.
   * @param generation - of the enabling under which the guest learned the token
   * @returns false when the queue is full, which bounded outstanding events make impossible
   */
  push(token: number, generation: number, delivery: ReadyDelivery): boolean {
    for (;;) {
      const tail = Atomics.load(this.words, TAIL);
      const cell = CELLS + (tail & (CELL_COUNT - 1)) * CELL_WORDS;
      const turn = (Atomics.load(this.words, cell) - tail) | 0;
      if (turn < 0) return false;
      if (turn === 0 && Atomics.compareExchange(this.words, TAIL, tail, (tail + 1) | 0) === tail) {
        this.words[cell + 1] = token | 0;
        this.words[cell + 2] = generation % GENERATIONS;
        Atomics.store(this.words, cell, (tail + 1) | 0);
        this.pump(delivery);
        return true;
      }
    }
  }

  /** Queues the wake-all event, unless the one before has not reached the guest yet: one does for both. The vCPU's own Worker only. */
  wakeAll(delivery: ReadyDelivery): void {
    if (Atomics.compareExchange(this.words, WAKE_ALL_QUEUED, 0, 1) === 0) this.push(APF_WAKE_ALL_TOKEN, this.generation, delivery);
    else this.pump(delivery);
  }

  /** The guest wrote the ACK MSR: the next event may go out. */
  acknowledge(delivery: ReadyDelivery): void {
    Atomics.store(this.words, PENDING, 0);
    this.pump(delivery);
  }

  /** Delivers what can be delivered; cheap when there is nothing. */
  pump(delivery: ReadyDelivery): void {
    if (Atomics.add(this.words, WISHES, 1) !== 0) return;
    this.workOff(delivery);
  }

  /** Events that wait for the guest to empty the token word or to acknowledge. */
  get undelivered(): number {
    return (Atomics.load(this.words, TAIL) - Atomics.load(this.words, HEAD)) | 0;
  }

  /** True when an event waits for the guest. */
  get backlog(): boolean {
    return this.undelivered !== 0;
  }

  /** Works until no wish is left that was made after the last look. */
  private workOff(delivery: ReadyDelivery | null): void {
    for (let seen = Atomics.load(this.words, WISHES); ; ) {
      if (delivery !== null) this.deliverNext(delivery);
      const now = Atomics.compareExchange(this.words, WISHES, seen, 0);
      if (now === seen) return;
      seen = now;
    }
  }

  private deliverNext(delivery: ReadyDelivery): void {
    if (Atomics.load(this.words, ENABLED) === 0) {
      this.dropAll();
      return;
    }
    while (Atomics.load(this.words, PENDING) === 0 && delivery.readToken() === 0) {
      const token = this.takeToken();
      if (token === 0) return;
      if (this.takenGeneration !== this.generation % GENERATIONS) {
        Atomics.add(this.words, STALE, 1);
        continue;
      }
      Atomics.store(this.words, PENDING, 1);
      Atomics.add(this.words, DELIVERED, 1);
      delivery.deliver(token, Atomics.load(this.words, VECTOR));
    }
  }

  private dropAll(): void {
    while (this.takeToken() !== 0) Atomics.add(this.words, STALE, 1);
  }

  private takenGeneration = 0;

  /** The oldest token, unsigned, or 0 when there is none. Only inside the exclusive section. */
  private takeToken(): number {
    const head = Atomics.load(this.words, HEAD);
    const cell = CELLS + (head & (CELL_COUNT - 1)) * CELL_WORDS;
    if (((Atomics.load(this.words, cell) - (head + 1)) | 0) !== 0) return 0;
    const token = this.words[cell + 1] >>> 0;
    this.takenGeneration = this.words[cell + 2];
    Atomics.store(this.words, cell, (head + CELL_COUNT) | 0);
    Atomics.store(this.words, HEAD, (head + 1) | 0);
    if (token === APF_WAKE_ALL_TOKEN) Atomics.store(this.words, WAKE_ALL_QUEUED, 0);
    return token;
  }

  /** Runs `change` with nobody delivering. Deliveries take microseconds, so this spins. */
  private exclusive(change: () => void): void {
    while (Atomics.compareExchange(this.words, WISHES, 0, 1) !== 0) Atomics.wait(this.words, WISHES, -1, 0);
    change();
    this.workOff(null);
  }
}
