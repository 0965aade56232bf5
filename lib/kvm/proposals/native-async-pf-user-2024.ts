import { FaultLabError } from '../../errors/index.js';
import { asyncPfUserIoctls, kvmAsyncPfUserReadyLayout } from '../../uapi/proposals/index.js';
import { AsyncIoctl } from './async-ioctl.js';
import type { NativeCompletion } from './native-completion.js';

/** KVM_ASYNC_PF_USER_READY of the RFC of 2024: completes an async page fault by the token that its exit carried. From any thread. */
export class NativeAsyncPfUser2024 implements NativeCompletion {
  readonly key = 'token';
  readonly #ready: AsyncIoctl<'token'>;

  /** @param vcpuShare - `Vcpu.share()` */
  constructor(vcpuShare: number) {
    this.#ready = new AsyncIoctl(vcpuShare, asyncPfUserIoctls.KVM_ASYNC_PF_USER_READY, 'KVM_ASYNC_PF_USER_READY', kvmAsyncPfUserReadyLayout);
  }

  /** {@inheritDoc NativeCompletion.tryReady} EINVAL for a token never issued or completed already. */
  tryReady(token: number): number {
    if (!Number.isInteger(token) || token < 0 || token > 0xffff_ffff) throw new FaultLabError('BAD_ARGUMENT', `${token} is no token of 32 bits`);
    this.#ready.argument.field.token.setNumber(token);
    return this.#ready.try();
  }

  /** {@inheritDoc NativeCompletion.ready} */
  ready(token: number): void {
    this.#ready.check(this.tryReady(token), `complete the async page fault of token ${token}`);
  }
}
