/**
 * What is to be done about poisoned memory under a running guest. A handler runs inside each vCPU Worker, on the vCPU's thread; without one
 * the run ends at the first access.
 */
import type { Vcpu } from '../kvm/index.js';
import type { Gpa, Hva } from '../uapi/index.js';

/** Poisoned memory under a guest. */
export interface GuestMemoryFailure {
  /** Index of the vCPU whose thread was told. */
  readonly vcpu: number;
  /** `required`: this vCPU accessed it, and will again. `optional`: it is lost, but nobody has asked for it yet. */
  readonly action: 'required' | 'optional';
  /** First byte of what is lost; null for memory of this process that is not the guest's. */
  readonly gpa: Gpa | null;
  /** Likewise; null for guest_memfd, of which KVM tells the gpa only. */
  readonly hva: Hva | null;
  readonly sizeBytes: number;
}

/**
 * - `end`: the run ends with `MEMORY_POISONED`.
 * - `retry`: the vCPU goes on. It accesses the memory again unless the handler gave it something else to do, a machine check for example.
 *   The same access a hundred times on end ends the run all the same.
 * - `replace`: pages of the window become missing again and are filled from the page source at the vCPU's next access. Not for other memory, and
 *   the same as `retry` for a failure that is `optional`.
 */
export type MemoryFailureAnswer = 'end' | 'retry' | 'replace';

/** Decides about poisoned memory, one instance for each vCPU. Synchronous: the vCPU stands still meanwhile. */
export interface MemoryFailureHandler {
  /**
   * Called for each failure, while the vCPU is not in KVM_RUN. Throwing ends the run with `HANDLER_FAILED`.
   * @param vcpu - of {@link GuestMemoryFailure.vcpu}: for its registers and for what may be injected
   */
  handle(failure: GuestMemoryFailure, vcpu: Vcpu): MemoryFailureAnswer;
}

/** Names a handler to a Worker: a module that exports `openMemoryFailureHandler(options): MemoryFailureHandler`, and plain data for it. */
export interface MemoryFailureHandlerModule {
  /** file: URL of an ES module. */
  readonly module: string;
  /** Structured-cloneable options. */
  readonly options: unknown;
}

/** What a handler module exports. */
export interface MemoryFailureHandlerExports {
  openMemoryFailureHandler(options: unknown): MemoryFailureHandler | Promise<MemoryFailureHandler>;
}

/** Ends the run when the guest needs what is lost, and not before. */
const END_ON_ACCESS: MemoryFailureHandler = {
  // What is lost of this process itself will not be told again.
  handle: ({ action, gpa }) => (action === 'required' || gpa === null ? 'end' : 'retry'),
};

/**
 * Loads a handler in this Worker.
 * @param named - undefined for the default
 * @throws what the module throws, and TypeError when it does not export `openMemoryFailureHandler`
 */
export async function loadMemoryFailureHandler(named: MemoryFailureHandlerModule | undefined): Promise<MemoryFailureHandler> {
  if (named === undefined) return END_ON_ACCESS;
  const loaded = (await import(named.module)) as Partial<MemoryFailureHandlerExports>;
  if (typeof loaded.openMemoryFailureHandler !== 'function') {
    throw new TypeError(`${named.module} does not export openMemoryFailureHandler(options)`);
  }
  return loaded.openMemoryFailureHandler(named.options);
}
