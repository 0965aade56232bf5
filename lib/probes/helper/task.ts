/** What the helper thread is asked to do, and what it answers. */
import type { Msi } from '../../kvm/index.js';

/** A task; numbers named `share` are for `adopt()`. */
export type HelperTask =
  /** Fill every missing page with zeroes until told to stop. */
  | { readonly kind: 'serveUserfaultfd'; readonly userfaultfdShare: number; readonly mappingShare: number; readonly stop: Int32Array }
  /** Raise an interrupt after a while. */
  | { readonly kind: 'signalMsi'; readonly vmShare: number; readonly msi: Msi; readonly delayMs: number };

/** A thread that faulted. */
export interface FaultingThread {
  readonly threadId: number;
  /** Its name, /proc/<id>/comm; empty where it cannot be read. */
  readonly name: string;
}

/** What a task came to. */
export type HelperAnswer =
  /** Said once, at the start. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'serveUserfaultfd'; readonly faults: readonly FaultingThread[] }
  /** As KVM_SIGNAL_MSI returned: above 0 delivered, 0 blocked, or a negative errno. */
  | { readonly kind: 'signalMsi'; readonly result: number }
  | { readonly kind: 'failed'; readonly message: string };
