/**
 * A lock between Workers in one word of shared memory, for sections of a few microseconds: KVM's own locks around a vCPU's async page faults,
 * when a model plays KVM. Whoever finds it taken looks again a few times, then sleeps until it is given back.
 */
import { FaultLabError } from '../errors/index.js';

const FREE = 0;
const TAKEN = 1;
/** Taken, and somebody may sleep for it. */
const CONTENDED = 2;

const SPINS = 100;
const SLEEP_MS = 10;
/** A section takes microseconds; a holder that was stopped for this long does not come back. */
const GIVE_UP_MS = 30_000;

/** See the module's comment. Not reentrant. */
export class ModelLock {
  /**
   * @param words - shared memory
   * @param at - index of the lock's word, zero at first
   */
  constructor(
    private readonly words: Int32Array,
    private readonly at: number,
  ) {}

  /**
   * Takes the lock.
   * @throws FaultLabError `MODEL_LOCKED` when its holder has not given it back for 30 s: that Worker died inside
   */
  acquire(): void {
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.compareExchange(this.words, this.at, FREE, TAKEN) === FREE) return;
    }
    let waitedMs = 0;
    while (Atomics.exchange(this.words, this.at, CONTENDED) !== FREE) {
      if (waitedMs >= GIVE_UP_MS) throw new FaultLabError('MODEL_LOCKED', `waited ${GIVE_UP_MS / 1000} s for the state of a vCPU's async page faults, which another Worker holds`);
      // Whoever is woken and comes too late has waited for somebody alive: that counts for nothing.
      waitedMs = Atomics.wait(this.words, this.at, CONTENDED, SLEEP_MS) === 'timed-out' ? waitedMs + SLEEP_MS : 0;
    }
  }

  /** Gives the lock back; its holder only. */
  release(): void {
    if (Atomics.exchange(this.words, this.at, FREE) === CONTENDED) Atomics.notify(this.words, this.at, 1);
  }
}
