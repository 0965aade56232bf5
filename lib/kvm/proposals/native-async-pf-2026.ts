import { asyncPfUserfaultIoctls, KVM_APF_OP_ACCEPT, KVM_APF_OP_READY, kvmAsyncPfReqLayout, type AsyncPfRequest } from '../../uapi/proposals/index.js';
import { AsyncIoctl, checkGpa } from './async-ioctl.js';
import type { NativeCompletion } from './native-completion.js';

type Field = keyof typeof kvmAsyncPfReqLayout.fields;

/**
 * KVM_ASYNC_PF of the design of 2026 on one vCPU. READY may come from any thread; ACCEPT needs the vCPU outside KVM_RUN, and from
 * another thread than the vCPU's waits until it is.
 */
export class NativeAsyncPf2026 implements NativeCompletion {
  readonly key = 'gpa';
  readonly #request: AsyncIoctl<Field>;

  /** @param vcpuShare - `Vcpu.share()` */
  constructor(vcpuShare: number) {
    this.#request = new AsyncIoctl(vcpuShare, asyncPfUserfaultIoctls.KVM_ASYNC_PF, 'KVM_ASYNC_PF', kvmAsyncPfReqLayout);
  }

  /** KVM_ASYNC_PF as given, right or wrong: 0 or the errno. */
  tryRequest({ gpa, op, flags = 0, reserved = false }: AsyncPfRequest): number {
    checkGpa(gpa);
    const { field } = this.#request.argument;
    field.gpa.setNumber(gpa);
    field.op.setNumber(op);
    field.flags.setNumber(flags);
    field['reserved[1]'].setNumber(reserved ? 1 : 0);
    return this.#request.try();
  }

  /** Says before KVM_RUN that user space handles the fault at `gpa`: 0 or the errno. */
  tryAccept(gpa: number): number {
    return this.#operation(gpa, KVM_APF_OP_ACCEPT);
  }

  /** As `tryAccept`. Throws FaultLabError: `UAPI_ABSENT`, `KVM_ENOENT`, ... */
  accept(gpa: number): void {
    this.#request.check(this.tryAccept(gpa), `accept the async page fault at gpa 0x${gpa.toString(16)}`);
  }

  /** {@inheritDoc NativeCompletion.tryReady} ENOENT for a page without an async page fault of this vCPU, EALREADY for one completed already. */
  tryReady(gpa: number): number {
    return this.#operation(gpa, KVM_APF_OP_READY);
  }

  /** {@inheritDoc NativeCompletion.ready} */
  ready(gpa: number): void {
    this.#request.check(this.tryReady(gpa), `complete the async page fault at gpa 0x${gpa.toString(16)}`);
  }

  #operation(gpa: number, op: number): number {
    checkGpa(gpa);
    const { field } = this.#request.argument;
    field.gpa.setNumber(gpa);
    field.op.setNumber(op);
    field.flags.setNumber(0);
    field['reserved[1]'].setNumber(0);
    return this.#request.try();
  }
}
