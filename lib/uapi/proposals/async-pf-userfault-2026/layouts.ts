/** Structures and requests of iteration i4. */
import { iow, KVMIO } from '../../ioctl.js';
import { structLayout } from '../../layout.js';

/** struct kvm_async_pf_req: argument of KVM_ASYNC_PF. */
export const kvmAsyncPfReqLayout = structLayout('kvm_async_pf_req', 32, {
  gpa: [0, 8],
  op: [8, 4],
  flags: [12, 4],
  'reserved[0]': [16, 8],
  'reserved[1]': [24, 8],
});

/** struct kvm_apf_eventfd: argument of KVM_SET_APF_EVENTFD. */
export const kvmApfEventfdLayout = structLayout('kvm_apf_eventfd', 32, {
  fd: [0, 4],
  complete_fd: [4, 4],
  flags: [8, 4],
  padding: [12, 4],
  'reserved[0]': [16, 8],
  'reserved[1]': [24, 8],
});

/** struct kvm_apf_shared_page: what the vCPU's file maps at page KVM_APF_PAGE_OFFSET. Each index has a cache line of its own. */
export const kvmApfSharedPageLayout = structLayout('kvm_apf_shared_page', 2368, {
  'header.version': [0, 4],
  'header.ring_size': [4, 4],
  'header.entry_size': [8, 4],
  'header.flags': [12, 4],
  'notify.head': [64, 4],
  'notify.tail': [128, 4],
  'notify.entries[0]': [192, 16],
  'complete.head': [1216, 4],
  'complete.tail': [1280, 4],
  'complete.entries[0]': [1344, 16],
});

/** Requests on the vCPU's file. */
export const asyncPfUserfaultIoctls = {
  KVM_ASYNC_PF: iow(KVMIO, 0xd6, kvmAsyncPfReqLayout.size),
  KVM_SET_APF_EVENTFD: iow(KVMIO, 0xd9, kvmApfEventfdLayout.size),
} as const;
