/**
 * Requests for pages to somebody who may do anything: never answer, answer late, twice, or with another page than was asked for. Says of each answer whether
 * it counts, and of each request when its time is over, so that everybody who waits is told once, in bounded time. Time is the caller's, in any unit.
 */

/** What becomes of an answer. Only one that is `due` counts; all others are dropped. */
export type AnswerVerdict =
  /** The first answer in time, with the page that was asked for: its request is settled. */
  | 'due'
  /** The request was settled by an earlier answer. */
  | 'repeated'
  /** The request's time was over. */
  | 'late'
  /** The request was for another page; it goes on. */
  | 'wrong-page'
  /** There never was such a request. */
  | 'unasked';

/** A request under way. */
export interface OpenRequest {
  readonly id: number;
  readonly page: number;
  /** When its time is over. */
  readonly deadline: number;
}

/** Settled requests whose end is remembered, to tell a repeated answer from a late one. */
const REMEMBERED = 1024;

/** See the module's comment. At most one request a page is under way. */
export class RequestLedger {
  private readonly byPage = new Map<number, OpenRequest>();
  private readonly byId = new Map<number, OpenRequest>();
  /** Ids that answers settled, the latest of them. */
  private readonly answered = new Set<number>();
  private lastId = 0;

  /** @param patience - how long a request may take */
  constructor(private readonly patience: number) {
    if (!(patience > 0)) throw new RangeError(`a request must be given some time, not ${patience}`);
  }

  /** Requests under way. */
  get open(): number {
    return this.byId.size;
  }

  /** Whether the page has been asked for, and nobody has answered yet. */
  isOpen(page: number): boolean {
    return this.byPage.has(page);
  }

  /** When the next request's time is over; Infinity when none is under way. */
  get nextDeadline(): number {
    // All are given the same time, so that the first is the next.
    for (const { deadline } of this.byId.values()) return deadline;
    return Infinity;
  }

  /**
   * Asks for a page.
   * @param now - never before that of an earlier call
   * @returns the request to be made; null where one for the page is under way already
   */
  ask(page: number, now: number): OpenRequest | null {
    if (this.byPage.has(page)) return null;
    const request: OpenRequest = { id: ++this.lastId, page, deadline: now + this.patience };
    this.byPage.set(page, request);
    this.byId.set(request.id, request);
    return request;
  }

  /** An answer has come, good or bad, that names a request and a page. */
  answer(id: number, page: number, now: number): AnswerVerdict {
    const request = this.byId.get(id);
    if (request === undefined) {
      if (!Number.isInteger(id) || id < 1 || id > this.lastId) return 'unasked';
      return this.answered.has(id) ? 'repeated' : 'late';
    }
    // Whether anybody has looked since does not make it earlier.
    if (now >= request.deadline) return 'late';
    if (request.page !== page) return 'wrong-page';
    this.settle(request);
    this.remember(id);
    return 'due';
  }

  /** Ends the requests whose time is over at `now`, and returns them. */
  expire(now: number): OpenRequest[] {
    const expired: OpenRequest[] = [];
    for (const request of this.byId.values()) {
      if (request.deadline > now) break;
      this.settle(request);
      expired.push(request);
    }
    return expired;
  }

  private settle({ id, page }: OpenRequest): void {
    this.byId.delete(id);
    this.byPage.delete(page);
  }

  private remember(id: number): void {
    this.answered.add(id);
    if (this.answered.size <= REMEMBERED) return;
    for (const oldest of this.answered) {
      this.answered.delete(oldest);
      return;
    }
  }
}
