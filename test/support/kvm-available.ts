/** Tests run on the real /dev/kvm, or say loudly that they did not run. */
import { nativeAddon } from '../../lib/native/index.js';
import { skip } from './skip.js';

/** What opening /dev/kvm fails with on a host that has none to give. Anything else is a fault of ours, not a reason to skip. */
const UNAVAILABLE = new Set(['KVM_ENOENT', 'KVM_ENODEV', 'KVM_ENXIO', 'KVM_EACCES', 'KVM_EPERM']);

let reason: string | null | undefined;

/** Why this host has no usable /dev/kvm; undefined where it has one. An addon that does not load throws. */
export function kvmMissing(): string | undefined {
  if (reason === undefined) reason = probe();
  return reason ?? undefined;
}

function probe(): string | null {
  const { Kvm } = nativeAddon();
  try {
    new Kvm().close();
    return null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && UNAVAILABLE.has(String(error.code))) return error.message;
    throw error;
  }
}

/**
 * Skips the running test (or, from a `before` hook, its suite) where there is no usable /dev/kvm: a run that tested nothing must not look
 * like one that passed. In CI such a skip fails the run.
 */
export function requireKvm(context: Mocha.Context): void {
  const missing = kvmMissing();
  if (missing !== undefined) skip(context, missing);
}
