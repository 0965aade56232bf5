/**
 * The two places where a machine meets a proposal's interface: the thread that runs a vCPU, and the threads that resolve pages. Each is
 * there twice: over a model that plays KVM, and over the ioctls of a kernel that has the proposal. What user space does is the same for both.
 */
import type { FaultAction } from '../../uapi/proposals/index.js';
import type { FaultContext } from '../../uapi/index.js';

/** The interface at a vCPU's thread. */
export interface VcpuUapi {
  /** True where an async page fault must be accepted before the next KVM_RUN. */
  readonly needsAccept: boolean;
  /** gpa of the intercepted page that KVM named at the last exit; -1 where it named none, and it is to be found out. */
  readonly namedGpa: number;
  /** KVM_MEMORY_EXIT_FLAG_* of the exit, after {@link fault} came to EXIT. */
  readonly flags: number;
  /** Token that the exit carried; 0 for none. */
  readonly token: number;
  /** The guest is told that the page is not present, after {@link fault}. */
  readonly told: boolean;
  /** The vCPU is to stay out of the guest, but for interrupts, after {@link fault}. */
  readonly halts: boolean;
  /** The fault was published on a ring with room for it; false also where there is no ring. */
  readonly published: boolean;

  /** KVM_RUN failed with EFAULT on account of a page of the window: what KVM makes of it. */
  fault(page: number, context: FaultContext): FaultAction;
  /** Before KVM_RUN. */
  enter(): void;
  /** 0, or the errno. */
  accept(page: number): number;
  /** 0, or the errno. */
  ready(page: number, token: number): number;
  /** KVM_RUN returned `result` (0 or a negative errno). */
  left(result: number): void;
}

/** The interface at a resolver's thread. */
export interface ResolverUapi {
  /** The page of an async page fault of `vcpu` can be had: tells KVM, which tells the guest. 0, or the errno. */
  ready(vcpu: number, page: number, token: number): number;
  /** As {@link ready}, through the vCPU's completion ring. */
  completeByRing(vcpu: number, page: number): number;
}
