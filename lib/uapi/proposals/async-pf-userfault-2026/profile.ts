/** The profile of the 2026 design, iteration i4. */
import type { UapiProfile } from '../profile.js';
import { KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../userfault/constants.js';
import { kvmUserspaceMemoryRegion2UserfaultLayout } from '../userfault/layouts.js';
import { userfaultCapability } from '../userfault/profile.js';
import {
  KVM_APF_ENTRY_SIZE,
  KVM_APF_OP_ACCEPT,
  KVM_APF_OP_READY,
  KVM_APF_PAGE_OFFSET,
  KVM_APF_RING_SIZE,
  KVM_APF_SHARED_FLAG_NOTIFY_ARMED,
  KVM_APF_SHARED_VERSION,
  KVM_MEMORY_EXIT_FLAG_APF,
} from './constants.js';
import { asyncPfUserfaultIoctls, kvmApfEventfdLayout, kvmApfSharedPageLayout, kvmAsyncPfReqLayout } from './layouts.js';
import { AsyncPfUserfaultModel } from './model.js';
import { asyncPfUserfaultNotReproduced, asyncPfUserfaultRules } from './rules.js';

const SEEN_IN = 'the patches of iteration i4 on Linux 6.18, August 2026';

/** KVM_CAP_ASYNC_PF_USERFAULT: intercepted faults are async page faults of the guest; rings tell of them without an exit. */
export const asyncPfUserfaultProfile: UapiProfile = {
  name: 'async-pf-userfault-2026',
  summary: 'Async page faults for KVM Userfault: user space accepts and completes them by gpa, or through rings without an exit.',
  origin: {
    author: 'Jack Thomson',
    title: 'KVM_CAP_ASYNC_PF_USERFAULT and exitless rings, iteration i4',
    date: '2026-06-02',
    status: 'out of tree on Linux 6.18; no posting to a list was found',
  },
  capabilities: [
    userfaultCapability,
    { name: 'ASYNC_PF_USERFAULT', option: 'async-pf-userfault', number: 246, seenIn: SEEN_IN },
    { name: 'ASYNC_PF_USERFAULT_EVENTFD', option: 'async-pf-userfault-eventfd', number: 247, seenIn: SEEN_IN },
  ],
  layouts: [kvmUserspaceMemoryRegion2UserfaultLayout, kvmAsyncPfReqLayout, kvmApfEventfdLayout, kvmApfSharedPageLayout],
  ioctls: asyncPfUserfaultIoctls,
  constants: {
    KVM_MEM_USERFAULT,
    KVM_MEMORY_EXIT_FLAG_USERFAULT,
    KVM_MEMORY_EXIT_FLAG_APF,
    KVM_APF_OP_ACCEPT,
    KVM_APF_OP_READY,
    KVM_APF_PAGE_OFFSET,
    KVM_APF_SHARED_VERSION,
    KVM_APF_RING_SIZE,
    KVM_APF_ENTRY_SIZE,
    KVM_APF_SHARED_FLAG_NOTIFY_ARMED,
  },
  rules: asyncPfUserfaultRules,
  notReproduced: asyncPfUserfaultNotReproduced,
  createModel: (shape, words, sharedPages) => new AsyncPfUserfaultModel(shape, words, sharedPages),
};
