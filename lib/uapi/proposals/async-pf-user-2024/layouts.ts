/** Structures and requests of the RFC. */
import { iow, KVMIO } from '../../ioctl.js';
import { kvmRunLayout } from '../../kvm-run.js';
import { structLayout } from '../../layout.js';

/** struct kvm_async_pf_user_ready: argument of KVM_ASYNC_PF_USER_READY. */
export const kvmAsyncPfUserReadyLayout = structLayout('kvm_async_pf_user_ready', 4, { token: [0, 4] });

/** The exit data of struct kvm_run that the RFC extends: the token follows the size. The union keeps its 256 bytes. */
export const kvmRunAsyncPfUserLayout = structLayout(kvmRunLayout.name, kvmRunLayout.size, {
  exit_reason: [8, 4],
  'memory_fault.flags': [32, 8],
  'memory_fault.gpa': [40, 8],
  'memory_fault.size': [48, 8],
  'memory_fault.async_pf_user_token': [56, 4],
});

/** Requests on the vCPU's file. */
export const asyncPfUserIoctls = { KVM_ASYNC_PF_USER_READY: iow(KVMIO, 0xd6, kvmAsyncPfUserReadyLayout.size) } as const;
