/**
 * Proof that a run exercised the real KVM. Opening /dev/kvm through the addon on this thread is noticed by itself; tests whose KVM
 * lives in a forked child or a Worker say so.
 */
import { fstatSync } from 'node:fs';
import { nativeAddon } from '../../lib/native/index.js';
import type { NativeAddon, NativeKvm } from '../../lib/native/index.js';
import runRecord from './run-record.cjs';

/** Major 10 (misc), minor 232 (KVM_MINOR), as st_rdev holds them. */
const KVM_DEVICE = (10 << 8) | 232;

/**
 * Notes that the running test drove the real KVM where this process cannot see it. Call it after the child or Worker has shown a result
 * that only KVM could give.
 */
export function noteKvmUse(): void {
  runRecord.noteKvmUse();
}

/**
 * Makes every `new addon.Kvm()` of this thread count. The addon's exports are one object for each thread, so it is enough to do this
 * before the first test file is loaded.
 * @throws AddonNotBuiltError
 */
export function watchKvmOpens(): void {
  const addon = nativeAddon() as { -readonly [Member in keyof NativeAddon]: NativeAddon[Member] };
  addon.Kvm = new Proxy(addon.Kvm, {
    construct(target, args, newTarget) {
      const kvm = Reflect.construct(target, args, newTarget) as NativeKvm;
      if (fstatSync(kvm.fd).rdev === KVM_DEVICE) runRecord.noteKvmUse();
      return kvm;
    },
  });
}
