/**
 * Requests on their way: a binary heap of (due time, page, requester), on typed arrays so that the resolver's loop allocates nothing.
 * It models a network or a disk that serves any number of requests at once, each after its own latency.
 */
export class DelayQueue {
  private readonly dueNs: Float64Array;
  private readonly pages: Int32Array;
  private readonly tags: Float64Array;
  private readonly askedNs: Float64Array;
  private length = 0;
  /** Page of the entry that the last successful {@link pop} took. */
  page = 0;
  /** Tag of the entry that the last successful {@link pop} took. */
  tag = 0;
  /** When the entry that the last successful {@link pop} took was asked for, ns. */
  takenAskedNs = 0;

  /** @param capacity - most entries ever held */
  constructor(private readonly capacity: number) {
    this.dueNs = new Float64Array(capacity);
    this.pages = new Int32Array(capacity);
    this.tags = new Float64Array(capacity);
    this.askedNs = new Float64Array(capacity);
  }

  get size(): number {
    return this.length;
  }

  /** Due time of the earliest entry, in ns; Infinity when empty. */
  get nextDueNs(): number {
    return this.length === 0 ? Infinity : this.dueNs[0];
  }

  /**
   * Adds a request.
   * @param dueNs - when it may be served, CLOCK_MONOTONIC
   * @param page - page of the window
   * @param tag - whatever the resolver needs to complete it, a safe integer
   * @param askedNs - when it was made, CLOCK_MONOTONIC
   * @returns false when the queue is full
   */
  push(dueNs: number, page: number, tag: number, askedNs = dueNs): boolean {
    if (this.length === this.capacity) return false;
    let hole = this.length++;
    while (hole > 0) {
      const parent = (hole - 1) >>> 1;
      if (this.dueNs[parent] <= dueNs) break;
      this.move(parent, hole);
      hole = parent;
    }
    this.place(hole, dueNs, page, tag, askedNs);
    return true;
  }

  /** Takes the earliest entry into {@link page} and {@link tag} if it is due at `nowNs`. */
  pop(nowNs: number): boolean {
    if (this.length === 0 || this.dueNs[0] > nowNs) return false;
    this.page = this.pages[0];
    this.tag = this.tags[0];
    this.takenAskedNs = this.askedNs[0];
    const last = --this.length;
    const dueNs = this.dueNs[last];
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= last) break;
      if (child + 1 < last && this.dueNs[child + 1] < this.dueNs[child]) child++;
      if (this.dueNs[child] >= dueNs) break;
      this.move(child, hole);
      hole = child;
    }
    this.place(hole, dueNs, this.pages[last], this.tags[last], this.askedNs[last]);
    return true;
  }

  private move(from: number, to: number): void {
    this.place(to, this.dueNs[from], this.pages[from], this.tags[from], this.askedNs[from]);
  }

  private place(at: number, dueNs: number, page: number, tag: number, askedNs: number): void {
    this.dueNs[at] = dueNs;
    this.pages[at] = page;
    this.tags[at] = tag;
    this.askedNs[at] = askedNs;
  }
}
