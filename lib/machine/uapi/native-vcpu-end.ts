/** A proposal's interface at a vCPU's thread on a kernel that has it: what KVM left in the run area, and its ioctls. */
import { NativeAsyncPf2026, NativeExitless2026, type CapabilityNumbers, type ExitView, type Vcpu } from '../../kvm/index.js';
import type { FaultContext } from '../../uapi/index.js';
import { FaultAction, KVM_MEMORY_EXIT_FLAG_APF, KVM_MEMORY_EXIT_FLAG_USERFAULT, UAPI_PROFILES, gpaOf, fullShape, type FullModelShape } from '../../uapi/proposals/index.js';
import { nativeCompletion } from './native-completion.js';
import type { SharedModelPlan } from './shared-model.js';
import type { VcpuUapi } from './uapi-end.js';

/** See the module's comment. */
export class NativeVcpuEnd implements VcpuUapi {
  readonly needsAccept: boolean;
  flags = 0;
  token = 0;
  told = false;
  /** KVM halts by itself, inside KVM_RUN. */
  readonly halts = false;
  readonly published = false;
  private readonly shape: FullModelShape;
  private readonly completion;
  private readonly asyncPf: NativeAsyncPf2026 | null;

  /**
   * @param exit - of the vCPU
   * @param share - of the vCPU
   */
  constructor(
    private readonly plan: Pick<SharedModelPlan, 'uapi' | 'shape'>,
    private readonly exit: ExitView,
    share: number,
  ) {
    this.shape = fullShape(plan.shape);
    this.completion = nativeCompletion(plan.uapi, share);
    this.needsAccept = plan.uapi === 'async-pf-userfault-2026';
    this.asyncPf = this.needsAccept ? new NativeAsyncPf2026(share) : null;
  }

  /**
   * Sets the proposal up on a vCPU, whose thread this is.
   * @param capabilities - numbers other than the profile's; null where async page faults are not wanted
   * @throws FaultLabError `UAPI_ABSENT`
   */
  static open(plan: SharedModelPlan, vcpu: Vcpu, capabilities: CapabilityNumbers | null): NativeVcpuEnd {
    const option = 'async-pf-userfault';
    const number = UAPI_PROFILES[plan.uapi].capabilities.find((capability) => capability.option === option)?.number;
    if (number !== undefined && capabilities !== null) new NativeExitless2026(vcpu, capabilities[option] ?? number).enable();
    return new NativeVcpuEnd(plan, vcpu.exit, vcpu.share());
  }

  /** {@inheritDoc VcpuUapi.namedGpa} */
  get namedGpa(): number {
    return this.exit.hasMemoryFault && this.exit.memoryFaultIsUserfault ? this.exit.faultingPageGpa : -1;
  }

  /** {@inheritDoc VcpuUapi.fault} */
  fault(_page: number, context: FaultContext): FaultAction {
    const isAsync = this.namedGpa >= 0 && this.exit.memoryFaultIsAsync;
    this.flags = KVM_MEMORY_EXIT_FLAG_USERFAULT | (isAsync ? KVM_MEMORY_EXIT_FLAG_APF : 0);
    this.token = isAsync && this.plan.uapi === 'async-pf-user-2024' ? this.exit.asyncPfUserToken : 0;
    // Nothing says so; at CPL0 no guest of this project wants to be told.
    this.told = isAsync && context.cpl > 0;
    return FaultAction.EXIT;
  }

  /** {@inheritDoc VcpuUapi.enter} KVM knows. */
  enter(): void {
    // Nothing to do.
  }

  /** {@inheritDoc VcpuUapi.accept} */
  accept(page: number): number {
    return this.asyncPf?.tryAccept(gpaOf(this.shape, page)) ?? 0;
  }

  /** {@inheritDoc VcpuUapi.ready} */
  ready(page: number, token: number): number {
    return this.completion === null ? 0 : this.completion.tryReady(this.completion.key === 'token' ? token : gpaOf(this.shape, page));
  }

  /** {@inheritDoc VcpuUapi.left} */
  left(): void {
    // KVM knows.
  }
}
