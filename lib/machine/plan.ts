/**
 * What a Worker is told when it starts: plain data, shared memory, and share numbers of native handles.
 */
import type { GuestRange, PagedWindowShare, SystemRamShare } from '../memory/index.js';
import type { FaultPolicyModule, LatencyModel, PageSourceModule, PolicyMemory, QuickPages, WakerPlan } from '../faults/index.js';
import type { CapabilityNumbers } from '../kvm/index.js';
import type { VcpuBootState } from '../guest/index.js';
import type { CpuidEntry } from '../uapi/index.js';
import type { MemoryFailureHandlerModule } from './memory-failure-handler.js';
import type { DeliveryMode } from './modes.js';
import type { WorkerStartTimes } from './start-times.js';
import type { SharedModelPlan } from './uapi/shared-model.js';

/** Memory and handles that every Worker of a machine opens. */
export interface SharedPlan {
  readonly mode: DeliveryMode;
  readonly vcpuCount: number;
  readonly vm: number;
  readonly lowRam: SystemRamShare;
  readonly window: PagedWindowShare;
  /** All memory of the guest, by host address. */
  readonly memory: readonly GuestRange[];
  /** Share number of the userfault bitmap's mapping. */
  readonly bitmap: number;
  /** Bits that a page has there. */
  readonly bitsPerPage: 1 | 2;
  /** The model that plays KVM; null where KVM plays itself. */
  readonly model: SharedModelPlan | null;
  /** Numbers of a proposal's capabilities on this kernel. */
  readonly capabilities: CapabilityNumbers;
  readonly policy: FaultPolicyModule;
  readonly policyMemory: PolicyMemory;
  readonly latencyNs: number;
  readonly quick: QuickPages | undefined;
  readonly latencyModel: LatencyModel;
  readonly control: SharedArrayBuffer;
  /** Where each vCPU's and each resolver's thread records what it does; null where nothing is recorded. */
  readonly traces: { readonly vcpus: readonly SharedArrayBuffer[]; readonly resolvers: readonly SharedArrayBuffer[] } | null;
  /** Where each vCPU's thread notes how it spent its time; null where it does not. */
  readonly threadTimes: readonly SharedArrayBuffer[] | null;
  readonly states: SharedArrayBuffer;
  /** One request ring for each resolver. */
  readonly rings: readonly SharedArrayBuffer[];
  readonly readyQueues: SharedArrayBuffer;
  readonly vcpuCounters: SharedArrayBuffer;
  readonly resolverCounters: SharedArrayBuffer;
}

/** A vCPU Worker's orders. */
export interface VcpuPlan extends SharedPlan {
  readonly index: number;
  readonly boot: VcpuBootState;
  readonly cpuid: readonly CpuidEntry[];
  /** Share number of the memory for this thread's stamps; null: none are kept. */
  readonly stamps: number | null;
  /** Longest stay in KVM_RUN. */
  readonly sliceNs: number;
  /** To bind the thread to; null: wherever the scheduler likes. */
  readonly cpus: readonly number[] | null;
  readonly memoryFailureHandler?: MemoryFailureHandlerModule | undefined;
}

/** A resolver Worker's orders. */
export interface ResolverPlan extends SharedPlan {
  readonly index: number;
  readonly userfaultfd: number;
  /** Share number of the eventfd that ends its wait. */
  readonly wake: number;
  readonly source: PageSourceModule;
  /** As {@link VcpuPlan.cpus}. */
  readonly cpus: readonly number[] | null;
  /** Most fetches of this resolver at once; 0: no limit. */
  readonly inFlight: number;
  /** Pages of this resolver to have in place before the guest starts, ascending. */
  readonly populate: Uint32Array;
  /** Pages of this resolver to fetch as soon as the guest asks for its first page. */
  readonly prefetch: Uint32Array;
  /** All resolvers, which the one that is asked first tells; none where nothing is fetched ahead. */
  readonly wakers: readonly WakerPlan[];
  /** Where to note the order of requests; null: nowhere. */
  readonly requestLog: SharedArrayBuffer | null;
  /** As {@link VcpuPlan.stamps}. */
  readonly stamps: number | null;
}

/** What a Worker reports, once each and in this order; `failed` at any time. */
export type WorkerMessage =
  | { readonly kind: 'ready'; readonly start: WorkerStartTimes; readonly threadId: number; readonly cpus: readonly number[]; readonly tscKhz?: number; readonly tscOffset?: number | null; readonly vcpu?: number; readonly statisticsFd?: number | undefined }
  | { readonly kind: 'done'; readonly heapSizeBytes: number }
  | { readonly kind: 'failed'; readonly error: SerializedError };

/** An error that crosses threads with its code. */
export interface SerializedError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly syscall?: string;
  readonly errno?: number;
  readonly stack?: string;
}
