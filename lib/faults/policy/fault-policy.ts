/**
 * How user space answers a fault that it could leave to the guest: get the page at once while the vCPU waits (`sync`), or let the guest do
 * something else meanwhile (`async`). A policy decides, and learns from how long pages took. It does no I/O, and it is asked on the path of a fault.
 */

/** What a fault comes to. */
export const Resolution = { ASYNC: 0, SYNC: 1 } as const;

/** One of {@link Resolution}. */
export type Resolution = (typeof Resolution)[keyof typeof Resolution];

/** What is known of a fault when a policy is asked. One object, filled anew for each: not to be kept. */
export interface FaultFacts {
  /** Page of the window. */
  page: number;
  /** Class of its contents' source: see PageLatency. */
  pageClass: number;
  /** One of PageState: whether somebody, another vCPU or a prefetcher, has asked for the page already, or it is even there. */
  state: number;
  /** vCPU that faulted; -1 when the page is classed before any fault. */
  vcpu: number;
  /** The guest was told that the page is not present before user space was asked: `sync` spares the wait, not the two events. */
  told: boolean;
}

/** See the module's comment. One instance in each vCPU Worker and each resolver Worker. */
export interface FaultPolicy {
  /** Decides about one fault. Throwing ends the run with `POLICY_FAILED`. */
  decide(fault: Readonly<FaultFacts>): Resolution;
  /** A page of this class is in place, `elapsedNs` after it was asked for. Called in the resolver that brought it. */
  observe?(page: number, pageClass: number, elapsedNs: number): void;
  /**
   * Changes when pages that nobody asked for yet may be decided otherwise than before. An interface with two bits a page is told of the decision
   * beforehand: when this changes, resolvers class the missing pages anew. Absent for a policy that never changes its mind.
   */
  readonly revision?: number;
}

/** Shared by all instances of one machine's policy: what one learns, all know. Zero at first. */
export type PolicyMemory = SharedArrayBuffer;

/** Bytes of {@link PolicyMemory}. */
export const POLICY_MEMORY_BYTES = 4096;

/** Names a policy to a Worker: a module that exports `openFaultPolicy(options, memory): FaultPolicy`, and plain data for it. */
export interface FaultPolicyModule {
  /** file: URL of an ES module. */
  readonly module: string;
  /** Structured-cloneable options. */
  readonly options: unknown;
}

/** What a policy module exports. */
export interface FaultPolicyExports {
  openFaultPolicy(options: unknown, memory: PolicyMemory): FaultPolicy | Promise<FaultPolicy>;
}
