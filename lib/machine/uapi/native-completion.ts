/** Which ioctl of a proposal completes an async page fault. */
import { NativeAsyncPf2026, NativeAsyncPfUser2024, NativeUserfaultReady, type NativeCompletion } from '../../kvm/index.js';
import type { UapiName } from '../../uapi/proposals/index.js';

/**
 * The completion of a proposal for one vCPU, for the calling thread.
 * @param vcpuShare - of the vCPU
 * @returns null for a proposal without async page faults
 */
export function nativeCompletion(uapi: UapiName, vcpuShare: number): NativeCompletion | null {
  switch (uapi) {
    case 'async-pf-user-2024':
      return new NativeAsyncPfUser2024(vcpuShare);
    case 'async-pf-userfault-2026':
      return new NativeAsyncPf2026(vcpuShare);
    case 'sync-async-2bit':
      return new NativeUserfaultReady(vcpuShare);
    case 'userfault':
    case 'stock':
      return null;
  }
}
