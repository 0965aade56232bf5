/**
 * Proof that a run exercised the real KVM. Opening /dev/kvm through the addon on this thread is noticed by itself; tests whose KVM
 * lives in a forked child or a Worker say so.
 */
import { fstatSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import runRecord from './run-record.cjs';

/** Major 10 (misc), minor 232 (KVM_MINOR), as st_rdev holds them. */
const KVM_DEVICE = (10 << 8) | 232;

/** Any class of the addon whose instances hold a descriptor. */
type KvmConstructor = new (...args: unknown[]) => { readonly fd: number };

/**
 * Notes that the running test drove the real KVM where this process cannot see it. Call it after the child or Worker has shown a result
 * that only KVM could give.
 */
export function noteKvmUse(): void {
  runRecord.noteKvmUse();
}

/**
 * Makes every `new addon.Kvm()` of this thread count. The addon's exports are one object for each thread, cached by `require`, so it is
 * enough to do this before the first test file is loaded.
 * @throws when the addon is not built
 */
export function watchKvmOpens(): void {
  const require = createRequire(import.meta.url);
  const load = require('node-gyp-build') as (root: string) => { Kvm: KvmConstructor };
  const addon = load(fileURLToPath(new URL('../../..', import.meta.url)));
  addon.Kvm = new Proxy(addon.Kvm, {
    construct(target, args, newTarget) {
      const kvm = Reflect.construct(target, args, newTarget) as InstanceType<KvmConstructor>;
      if (fstatSync(kvm.fd).rdev === KVM_DEVICE) runRecord.noteKvmUse();
      return kvm;
    },
  });
}
