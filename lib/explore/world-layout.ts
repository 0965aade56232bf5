/** Where the world keeps its state: fields of one Int32Array. */

/** Where a vCPU is. */
export const Place = {
  /** In user space, with nothing to do but KVM_RUN. */
  USER: 0,
  GUEST: 1,
  /** In KVM, one of a page's two bits is read. */
  CHECKING: 2,
  /** In KVM, the page's bits are read and not acted upon. */
  CHECKED: 3,
  /** In user space, after an exit. */
  EXITED: 4,
  /** In user space, the page was asked for; to be accepted. */
  ASKED: 5,
  /** In user space, resolving the page itself. */
  INLINE: 6,
  /** In KVM, asleep until the host has the page. */
  WAITING: 7,
  /** KVM_RUN failed and said no more. */
  BROKEN: 8,
} as const;

/** Words of a vCPU. */
export const V = {
  PLACE: 0,
  /** Task that runs, or -1. */
  CURRENT: 1,
  /** Token of the #PF that is queued for the guest, or 0. */
  NOT_PRESENT: 2,
  /** Token word of the guest's shared area. */
  TOKEN_WORD: 3,
  /** The ready interrupt is pending. */
  IRQ: 4,
  /** The guest has enabled its async page faults. */
  PV_ON: 5,
  /** Page of the fault or exit. */
  PAGE: 6,
  /** Interception bits as KVM read them; after an exit its flags. */
  SEEN: 7,
  /** Token of the exit. */
  TOKEN: 8,
  /** Next step of a resolution in the vCPU's thread. */
  STEP: 9,
  /** Ready events so far for pages that were not. */
  SPURIOUS: 10,
  /** Where the ring handler is: {@link Handler}. */
  HANDLER: 11,
  /** Counts of the eventfds. */
  NOTIFY_FD: 12,
  COMPLETE_FD: 13,
  /** Tokens of ready events that came before their not-present event. */
  DUMMY: 14,
} as const;
/** Early ready events that a guest remembers. */
export const DUMMIES = 2;
const VCPU_WORDS = V.DUMMY + DUMMIES;

/** Where the handler of a vCPU's rings is. */
export const Handler = { DRAINS: 0, SAW_EMPTY: 1, ARMED: 2, SLEEPS: 3 } as const;

/** Words of a task. */
export const T = { STATE: 0, TOKEN: 1, NEXT: 2 } as const;
const TASK_WORDS = 3;

/** What a task does. */
export const Task = { RUNNABLE: 0, BLOCKED: 1, DONE: 2 } as const;

/** Words of a page. */
export const P = { DATA: 0, BITS: 1 } as const;
const PAGE_WORDS = 2;

/** Words of a resolver. `STEP`: -1 when it has nothing to do. `VCPU`: -1 for a page that nobody asked for. */
export const R = { STEP: 0, VCPU: 1, PAGE: 2, TOKEN: 3 } as const;
const RESOLVER_WORDS = 4;

/** Words of what happens around: how often it may happen still, and the page whose class is being changed, or -1. */
export const E = { MSR_OFF: 0, RESETS: 1, RESTORES: 2, DISCARDS: 3, RECLASSIFY: 4, CHANGING: 5 } as const;
const ENVIRONMENT_WORDS = 6;

/** In a request's word: asked for without a token. */
export const ASKED = 1;
/** In a request's word: nobody is to be told. */
export const ASKED_QUIETLY = 2;

/** Offsets of the fields in the world's words. */
export class WorldLayout {
  readonly words: number;
  private readonly firstTasks: readonly number[];
  private readonly pagesAt: number;
  private readonly requestsAt: number;
  private readonly resolversAt: number;
  readonly environment: number;

  /**
   * @param tasks - number of them, by vCPU
   * @param pages - of the memslot
   * @param resolvers - threads that resolve
   */
  constructor(
    readonly tasks: readonly number[],
    readonly pages: number,
    readonly resolvers: number,
  ) {
    let at = tasks.length * VCPU_WORDS;
    this.firstTasks = tasks.map((count) => {
      const first = at;
      at += count * TASK_WORDS;
      return first;
    });
    this.pagesAt = at;
    this.requestsAt = this.pagesAt + pages * PAGE_WORDS;
    this.resolversAt = this.requestsAt + tasks.length * pages;
    this.environment = this.resolversAt + resolvers * RESOLVER_WORDS;
    this.words = this.environment + ENVIRONMENT_WORDS;
  }

  /** First word of a vCPU. */
  vcpu(vcpu: number): number {
    return vcpu * VCPU_WORDS;
  }

  /** First word of a task. */
  task(vcpu: number, task: number): number {
    return this.firstTasks[vcpu] + task * TASK_WORDS;
  }

  /** First word of a page. */
  page(page: number): number {
    return this.pagesAt + page * PAGE_WORDS;
  }

  /** The word that says whether a page is asked for on behalf of a vCPU: 0, {@link ASKED}, {@link ASKED_QUIETLY} or a token. */
  request(vcpu: number, page: number): number {
    return this.requestsAt + vcpu * this.pages + page;
  }

  /** First word of a resolver. */
  resolver(resolver: number): number {
    return this.resolversAt + resolver * RESOLVER_WORDS;
  }
}
