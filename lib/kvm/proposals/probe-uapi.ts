import type { UapiProfile } from '../../uapi/proposals/index.js';
import type { Kvm } from '../kvm.js';
import { askAsyncPfUser, asyncPfUserSupport } from './async-pf-user-2024-probe.js';
import { askAsyncPfUserfault, asyncPfUserfaultSupport } from './async-pf-userfault-2026-probe.js';
import { ScratchVm } from './scratch-vm.js';
import { askStock, stockSupport } from './stock-probe.js';
import { askSyncAsyncTwoBit, syncAsyncTwoBitSupport } from './sync-async-2bit-probe.js';
import { numberOf, type CapabilityNumbers, type UapiSupport } from './uapi-support.js';
import { askUserfault, userfaultSupport } from './userfault-probe.js';

/**
 * Asks the running kernel whether real ioctls can drive a profile. A capability number alone proves nothing, as numbers of proposals move with
 * every rebase: each profile has a second fact to go with it.
 *
 * All happens to a VM of its own, whose vCPU never runs, and which is gone afterwards.
 * @param numbers - capability numbers other than the profile's own
 * @throws FaultLabError where this host makes no VM at all
 */
export function probeUapi(kvm: Kvm, profile: UapiProfile, numbers: CapabilityNumbers = {}): UapiSupport {
  const scratch = new ScratchVm(kvm);
  try {
    switch (profile.name) {
      case 'stock':
        return stockSupport(askStock(kvm, scratch));
      case 'userfault':
        return userfaultSupport(askUserfault(scratch, profile, numberOf(profile, 'userfault', numbers)));
      case 'async-pf-user-2024':
        return asyncPfUserSupport(askAsyncPfUser(scratch, profile, numberOf(profile, 'userfault', numbers)));
      case 'async-pf-userfault-2026':
        return asyncPfUserfaultSupport(askAsyncPfUserfault(scratch, profile, numbers));
      case 'sync-async-2bit':
        return syncAsyncTwoBitSupport(askSyncAsyncTwoBit(scratch, profile, numbers));
    }
  } finally {
    scratch.close();
  }
}
