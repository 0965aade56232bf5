import { AsyncIoctl, checkGpa } from './async-ioctl.js';
import type { NativeCompletion } from './native-completion.js';
import { KVM_USERFAULT_READY, kvmUserfaultReadyLayout } from './userfault-ready-layout.js';

/** KVM_USERFAULT_READY of `sync-async-2bit`: completes an async page fault by its page. From any thread. */
export class NativeUserfaultReady implements NativeCompletion {
  readonly key = 'gpa';
  readonly #ready: AsyncIoctl<'gpa' | 'flags'>;

  /** @param vcpuShare - `Vcpu.share()` */
  constructor(vcpuShare: number) {
    this.#ready = new AsyncIoctl(vcpuShare, KVM_USERFAULT_READY, 'KVM_USERFAULT_READY', kvmUserfaultReadyLayout);
  }

  /** {@inheritDoc NativeCompletion.tryReady} ENOENT for a page without an async page fault of this vCPU, EALREADY for one completed already. */
  tryReady(gpa: number, flags = 0): number {
    checkGpa(gpa);
    const { field } = this.#ready.argument;
    field.gpa.setNumber(gpa);
    field.flags.setNumber(flags);
    return this.#ready.try();
  }

  /** {@inheritDoc NativeCompletion.ready} */
  ready(gpa: number): void {
    this.#ready.check(this.tryReady(gpa), `complete the async page fault at gpa 0x${gpa.toString(16)}`);
  }
}
