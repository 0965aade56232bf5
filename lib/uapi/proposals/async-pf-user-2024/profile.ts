/** The profile of the RFC of 2024. */
import type { UapiProfile } from '../profile.js';
import { KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../userfault/constants.js';
import { ASYNC_PF_USER_PER_VCPU, KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER } from './constants.js';
import { asyncPfUserIoctls, kvmAsyncPfUserReadyLayout, kvmRunAsyncPfUserLayout } from './layouts.js';
import { AsyncPfUserModel } from './model.js';
import { asyncPfUserNotReproduced, asyncPfUserRules } from './rules.js';

/** Async PF user: user space completes the guest's async page faults by token. */
export const asyncPfUserProfile: UapiProfile = {
  name: 'async-pf-user-2024',
  summary: 'Async page faults that user space completes by token: KVM tells the guest at once, and the exit carries the token.',
  origin: {
    author: 'Nikita Kalyazin',
    title: '[RFC PATCH 0/6] KVM: x86: async PF user',
    date: '2024-11-18',
    status: 'RFC on the series of July 2024; superseded by the design of 2026',
  },
  capabilities: [
    {
      name: 'USERFAULT',
      option: 'userfault',
      number: 236,
      seenIn: 'RFC "KVM: Post-copy live migration for guest_memfd" of July 2024, which the RFC builds on; it has no capability of its own',
      knownClash: 'PRE_FAULT_MEMORY',
    },
  ],
  layouts: [kvmRunAsyncPfUserLayout, kvmAsyncPfUserReadyLayout],
  ioctls: asyncPfUserIoctls,
  constants: { KVM_MEMORY_EXIT_FLAG_USERFAULT, KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER, ASYNC_PF_USER_PER_VCPU },
  rules: asyncPfUserRules,
  notReproduced: asyncPfUserNotReproduced,
  createModel: (shape, words) => new AsyncPfUserModel(shape, words),
};
