/** The profile of the two-bit proposal. */
import type { UapiProfile } from '../profile.js';
import { KVM_APF_OP_READY, KVM_MEMORY_EXIT_FLAG_APF } from '../async-pf-userfault-2026/constants.js';
import { kvmAsyncPfReqLayout } from '../async-pf-userfault-2026/layouts.js';
import { KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../userfault/constants.js';
import { userfaultCapability } from '../userfault/profile.js';
import { KVM_MEM_USERFAULT_ASYNC } from './constants.js';
import { kvmUserspaceMemoryRegion2TwoBitLayout, syncAsyncTwoBitIoctls } from './layouts.js';
import { SyncAsyncTwoBitModel } from './model.js';
import { syncAsyncTwoBitNotReproduced, syncAsyncTwoBitRules } from './rules.js';

/** Two bitmaps a memslot: one of pages that are resolved synchronously, one of pages that are not. */
export const syncAsyncTwoBitProfile: UapiProfile = {
  name: 'sync-async-2bit',
  summary: 'Two bits a page: user space says before the fault whether it resolves it synchronously, so that no guest is told in vain.',
  origin: {
    author: 'the kvm-faultlab authors, after an idea of Nikita Kalyazin\'s',
    title: 'KVM Userfault with a synchronous and an asynchronous bitmap',
    date: '2026-11-26',
    status: 'a proposal of this project; the idea of two bits is of February 2025, in the review of "KVM: x86: async PF user"',
  },
  capabilities: [userfaultCapability, { name: 'USERFAULT_ASYNC', option: 'userfault-async', number: 248, seenIn: 'this project: the next number that no profile uses' }],
  layouts: [kvmUserspaceMemoryRegion2TwoBitLayout, kvmAsyncPfReqLayout],
  ioctls: syncAsyncTwoBitIoctls,
  constants: { KVM_MEM_USERFAULT, KVM_MEM_USERFAULT_ASYNC, KVM_MEMORY_EXIT_FLAG_USERFAULT, KVM_MEMORY_EXIT_FLAG_APF, KVM_APF_OP_READY },
  rules: syncAsyncTwoBitRules,
  notReproduced: syncAsyncTwoBitNotReproduced,
  createModel: (shape, words) => new SyncAsyncTwoBitModel(shape, words),
};
