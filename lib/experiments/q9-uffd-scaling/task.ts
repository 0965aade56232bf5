/** What the Workers of a paging crew are asked to do, and what they answer. Plain data; numbers named `share` are for `adopt()`. */

/** How a missing page comes to its vCPU. */
export type Way =
  /** It is there already. */
  | 'present'
  /** The vCPU sleeps in userfaultfd, a reader puts the page in place. */
  | 'userfaultfd'
  /** KVM_RUN fails for a page whose bit is set, and the vCPU's thread puts the page in place. */
  | 'exit'
  /** KVM tells the guest, a worker of KVM sleeps in userfaultfd; the guest has one task, which waits. */
  | 'async';

/** A vCPU that writes to each of its pages. */
export interface VcpuTask {
  readonly kind: 'vcpu';
  readonly way: Way;
  readonly mappingShare: number;
  readonly userfaultfdShare: number | null;
  /** Its part of the mapping, bytes. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** A word that becomes 1 when all are to start. */
  readonly go: Int32Array;
}

/** A reader of one userfaultfd. */
export interface ReaderTask {
  readonly kind: 'reader';
  readonly mappingShare: number;
  readonly userfaultfdShare: number;
  /** A word that becomes 1 when it is to end. */
  readonly stop: Int32Array;
}

/** What a vCPU did. Times are CLOCK_MONOTONIC ns. */
export interface VcpuAnswer {
  readonly startedAtNs: number;
  readonly endedAtNs: number;
  /** Pages that its own thread put in place. */
  readonly exits: number;
  /** Not-present events that the guest counted. */
  readonly told: number;
}

/** What a reader did. */
export interface ReaderAnswer {
  /** Pages that it put in place. */
  readonly filled: number;
}

/** A message of a Worker: `armed` once a task can start, `done` or `failed` once it is over. */
export type CrewMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'armed' }
  | { readonly kind: 'done'; readonly answer: VcpuAnswer | ReaderAnswer }
  | { readonly kind: 'failed'; readonly message: string };
