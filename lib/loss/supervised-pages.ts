/**
 * Pages of a window that come from an owner who may fail in any way. Missing pages are protected, so that an access to one fails; one that has come is
 * filled, and then accessible. Everybody who asks is told in bounded time whether the page came. What the owner answers late, twice, for another page or in
 * another size touches no memory of the guest.
 */
import { RequestLedger, type AnswerVerdict, type LostAccess, type OpenRequest } from '../faults/index.js';
import type { DaxWindow } from '../memory/index.js';
import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE } from '../uapi/index.js';
import { windowAddress } from './control-block.js';
import type { PageAnswer, PageOwner } from './page-owner.js';

/** What was asked, and what became of it. */
export interface SupervisionCounters {
  asked: number;
  delivered: number;
  /** The owner said, or threw, that the page cannot be had; or it sent something that is no page. */
  failed: number;
  /** Nothing came in time. */
  expired: number;
  /** Answers that were dropped. */
  repeated: number;
  late: number;
  wrongPage: number;
  unasked: number;
}

type Waiter = (came: boolean) => void;

/** How long a look for answers may be off while a vCPU stands still for a page. */
const POLL_MS = 0.2;
/** Answers taken by one look: an owner who sends more is not to hold up the guest. */
const MOST_ANSWERS = 256;

const DROPPED: Readonly<Record<Exclude<AnswerVerdict, 'due'>, keyof SupervisionCounters>> = { repeated: 'repeated', late: 'late', 'wrong-page': 'wrongPage', unasked: 'unasked' };

/** See the module's comment. Belongs to the thread that runs the vCPU. */
export class SupervisedPages {
  readonly counters: SupervisionCounters = { asked: 0, delivered: 0, failed: 0, expired: 0, repeated: 0, late: 0, wrongPage: 0, unasked: 0 };
  private readonly ledger: RequestLedger;
  private readonly missing: Set<number>;
  private readonly waiters = new Map<number, Waiter[]>();
  private readonly pause = new Int32Array(new SharedArrayBuffer(4));

  /**
   * All pages of the window are missing from now on.
   * @param patienceMs - how long the owner may take for a page
   * @throws FaultLabError where the window cannot be protected
   */
  constructor(
    private readonly owner: PageOwner,
    private readonly window: DaxWindow,
    patienceMs: number,
  ) {
    this.ledger = new RequestLedger(patienceMs);
    this.missing = new Set(Array.from({ length: window.sizeBytes / PAGE_SIZE }, (_, page) => page));
    window.protect(0, window.sizeBytes, PROT_NONE);
  }

  /** Whether the page has not come yet. */
  isMissing(page: number): boolean {
    return this.missing.has(page);
  }

  /** What an access was that failed for a page that is missing: nobody can read it. Other accesses as they are. */
  explain(access: LostAccess): LostAccess {
    return this.missing.has(Math.floor((Number(access.gpa) - windowAddress(0)) / PAGE_SIZE)) ? { ...access, cause: 'io-error' } : access;
  }

  /**
   * Asks for a page; `waiter` is called once: now, where the page is there or cannot be asked for, or by {@link poll}. A page that could not be had is asked for again.
   * @param page - of the window
   */
  request(page: number, waiter: Waiter): void {
    if (!this.missing.has(page)) {
      waiter(true);
      return;
    }
    const waiting = this.waiters.get(page);
    if (waiting !== undefined) {
      waiting.push(waiter);
      return;
    }
    const request = this.ledger.ask(page, performance.now());
    // Nobody waits, so nothing is under way.
    if (request === null) throw new Error(`page ${page} is under way and nobody waits for it`);
    this.waiters.set(page, [waiter]);
    this.counters.asked++;
    this.ask(request);
  }

  /** Stands still until the page has come, or cannot be had. */
  wait(page: number): boolean {
    let came: boolean | null = null;
    const outcome = (): boolean | null => came;
    this.request(page, (result) => {
      came = result;
    });
    for (;;) {
      const settled = outcome();
      if (settled !== null) return settled;
      Atomics.wait(this.pause, 0, 0, POLL_MS);
      this.poll();
    }
  }

  /** Takes what has come, and gives up what is over its time. To be called now and then: waiters are told from here. */
  poll(): void {
    for (let taken = 0; taken < MOST_ANSWERS; taken++) {
      const answer = this.owner.take();
      if (answer === null) break;
      this.accept(answer);
    }
    for (const { page } of this.ledger.expire(performance.now())) {
      this.counters.expired++;
      this.tell(page, false);
    }
  }

  private ask({ id, page }: OpenRequest): void {
    try {
      this.owner.ask(id, page);
    } catch {
      if (this.ledger.answer(id, page, performance.now()) !== 'due') return;
      this.counters.failed++;
      this.tell(page, false);
    }
  }

  private accept({ id, page, result }: PageAnswer): void {
    const verdict = this.ledger.answer(id, page, performance.now());
    if (verdict !== 'due') {
      this.counters[DROPPED[verdict]]++;
      return;
    }
    const came = 'contents' in result && result.contents instanceof Uint8Array && result.contents.byteLength === PAGE_SIZE;
    if (came) this.deliver(page, result.contents);
    this.counters[came ? 'delivered' : 'failed']++;
    this.tell(page, came);
  }

  /** Contents first: the guest must never see a page that is accessible and not filled. */
  private deliver(page: number, contents: Uint8Array): void {
    this.window.write(page * PAGE_SIZE, contents);
    this.window.protect(page * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE);
    this.missing.delete(page);
  }

  private tell(page: number, came: boolean): void {
    const waiting = this.waiters.get(page) ?? [];
    this.waiters.delete(page);
    for (const waiter of waiting) waiter(came);
  }
}
