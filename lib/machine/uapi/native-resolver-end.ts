/** A proposal's interface at a resolver's thread on a kernel that has it. */
import { EALREADY, EBUSY, ENOENT, FaultLabError, errnoName, isCoded } from '../../errors/index.js';
import type { NativeCompletion } from '../../kvm/index.js';
import { gpaOf, fullShape, type FullModelShape } from '../../uapi/proposals/index.js';
import { nativeCompletion } from './native-completion.js';
import type { SharedModel } from './shared-model.js';
import type { ResolverUapi } from './uapi-end.js';

/** See the module's comment. */
export class NativeResolverEnd implements ResolverUapi {
  /** By vCPU; made at a vCPU's first completion, when it is sure to exist. */
  private readonly completions: (NativeCompletion | null)[] = [];
  private readonly shape: FullModelShape;

  constructor(private readonly shared: SharedModel) {
    this.shape = fullShape(shared.plan.shape);
  }

  /** {@inheritDoc ResolverUapi.ready} */
  ready(vcpu: number, page: number, token: number): number {
    const completion = (this.completions[vcpu] ??= nativeCompletion(this.shared.plan.uapi, this.shared.vcpuShare(vcpu)));
    if (completion === null) return 0;
    const errno = this.tryReady(completion, completion.key === 'token' ? token : gpaOf(this.shape, page));
    if (errno === 0) return 0;
    // The fault is over, or being cancelled. Anything else means that the guest would wait for ever.
    if (errno !== ENOENT && errno !== EALREADY && errno !== EBUSY) {
      throw new FaultLabError('PROPOSAL_REFUSED', `cannot complete the async page fault of page ${page} on vCPU ${vcpu}: ${errnoName(errno)}`, { errno });
    }
    this.shared.countStale(vcpu);
    return errno;
  }

  /** At the end of a run a vCPU may be gone before its last page has come. */
  private tryReady(completion: NativeCompletion, key: number): number {
    try {
      return completion.tryReady(key);
    } catch (error) {
      if (isCoded(error) && error.code === 'BAD_SHARE') return ENOENT;
      throw error;
    }
  }

  /** {@inheritDoc ResolverUapi.completeByRing} */
  completeByRing(vcpu: number, page: number): number {
    return this.ready(vcpu, page, 0);
  }
}
