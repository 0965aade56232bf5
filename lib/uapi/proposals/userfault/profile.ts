/** The profile of KVM Userfault. */
import type { UapiProfile } from '../profile.js';
import { KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT } from './constants.js';
import { kvmUserspaceMemoryRegion2UserfaultLayout } from './layouts.js';
import { UserfaultModel } from './model.js';
import { userfaultNotReproduced, userfaultRules } from './rules.js';

/** KVM_CAP_USERFAULT as the trees that were read number it; other profiles need it too. */
export const userfaultCapability = {
  name: 'USERFAULT',
  option: 'userfault',
  number: 245,
  seenIn: 'the v2 series on Linux 6.18, August 2026',
  alsoSeen: { 239: 'v1 of December 2024 and v2 of January 2025', 240: 'the reviewer\'s rework of May 2025', 243: 'v3 of June 2025' },
} as const;

/** KVM_MEM_USERFAULT: a bitmap in user space's memory says which pages leave the guest. */
export const userfaultProfile: UapiProfile = {
  name: 'userfault',
  summary: 'KVM Userfault: a bitmap a memslot; a fault on a page whose bit is set ends KVM_RUN with KVM_EXIT_MEMORY_FAULT.',
  origin: {
    author: 'James Houghton',
    title: '[PATCH v3 00/15] KVM: Introduce KVM Userfault',
    date: '2025-06-18',
    status: 'not merged; carried out of tree on Linux 6.18',
  },
  capabilities: [userfaultCapability],
  layouts: [kvmUserspaceMemoryRegion2UserfaultLayout],
  ioctls: {},
  constants: { KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT },
  rules: userfaultRules,
  notReproduced: userfaultNotReproduced,
  createModel: (shape, words) => new UserfaultModel(shape, words),
};
