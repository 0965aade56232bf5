/** Wakes a resolver Worker, however it waits, from any other Worker. */
import { nativeAddon, type NativeEventFd } from '../native/index.js';
import { RequestRing } from './request-ring.js';

/** What names a waker to another Worker: plain data. */
export interface WakerPlan {
  /** Memory of the resolver's request ring. */
  readonly ring: SharedArrayBuffer;
  /** Share number of the eventfd that ends its wait for userfaultfd messages. */
  readonly eventfd: number;
}

/** See the module's comment. */
export class ResolverWaker {
  private readonly ring: RequestRing;
  private readonly eventfd: NativeEventFd;

  constructor(plan: WakerPlan) {
    this.ring = new RequestRing(plan.ring);
    this.eventfd = nativeAddon().EventFd.adopt(plan.eventfd);
  }

  /** The resolver looks at its stop flag, its requests and its source. */
  wake(): void {
    this.ring.ring();
    this.eventfd.signal();
  }

  /** Lets go of the eventfd. */
  close(): void {
    this.eventfd.close();
  }
}
