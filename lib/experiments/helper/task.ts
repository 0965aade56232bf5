/** What the timing helper is asked to do while a vCPU is in KVM_RUN, and what it answers. Times are CLOCK_MONOTONIC ns, 0 for never. */

/** One task; numbers named `share` are for `adopt()`. */
export interface TimedTask {
  /** Whom to kick, and when after the start; left out: nobody. */
  readonly kick?: { readonly vcpuShare: number; readonly afterMs: number };
  /** An interrupt to raise on a VM's vCPU 0, and when after the start; left out: none. */
  readonly interrupt?: { readonly vmShare: number; readonly vector: number; readonly afterMs: number };
  /** A word to set to 1, whether sleepers on it are woken, and when after the start; left out: none. */
  readonly flag?: { readonly words: Int32Array; readonly notify: boolean; readonly afterMs: number };
  /** What to fill with zeroes, and when: after the kick where there is one, else after the start; left out: nothing is filled. */
  readonly fill?: { readonly userfaultfdShare: number; readonly mappingShare: number; readonly afterMs: number };
  /** Set when the body is over: what is not done by then is not done any more. */
  readonly stop: Int32Array;
}

/** What happened when. */
export interface TimedAnswer {
  readonly kickedAtNs: number;
  readonly flaggedAtNs: number;
  readonly interruptedAtNs: number;
  readonly filledAtNs: number;
  /** Threads whose faults were read from the userfaultfd before it was filled. */
  readonly faultingThreads: readonly number[];
}

/** A message of the helper. */
export type TimedMessage = { readonly kind: 'ready' } | { readonly kind: 'done'; readonly answer: TimedAnswer } | { readonly kind: 'failed'; readonly message: string };
