/** The profile of a kernel without any proposal. */
import type { UapiProfile } from '../profile.js';
import { StockModel } from './model.js';
import { stockNotReproduced, stockRules } from './rules.js';

/** What every kernel has: KVM's own async page faults, userfaultfd, and a bare EFAULT. */
export const stockProfile: UapiProfile = {
  name: 'stock',
  summary: 'A kernel without any proposal: async page faults by KVM\'s own worker, userfaultfd, and a bare EFAULT for what cannot be had.',
  origin: { author: 'the kernel', title: 'Linux 6.12, arch/x86/kvm and virt/kvm/async_pf.c', date: '2024-11-17', status: 'merged' },
  capabilities: [],
  layouts: [],
  ioctls: {},
  constants: {},
  rules: stockRules,
  notReproduced: stockNotReproduced,
  createModel: (shape, words) => new StockModel(shape, words),
};
