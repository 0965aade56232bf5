import { FaultLabError } from '../errors/index.js';
import { capabilityNumber, capabilityTitle, type CapabilityName } from '../uapi/index.js';

/** A capability that must be there; with `bits`, all of these bits must be in its value. */
export type CapabilityRequirement = CapabilityName | { readonly capability: CapabilityName | number; readonly bits: number };

/**
 * Throws FaultLabError `CAP_MISSING` naming every requirement that `check` (KVM_CHECK_EXTENSION on `where`) does not meet.
 */
export function requireCapabilities(where: string, check: (capability: number) => number, requirements: readonly CapabilityRequirement[]): void {
  const missing = requirements.flatMap((requirement) => {
    const { capability, bits } = typeof requirement === 'string' ? { capability: requirement, bits: 0 } : requirement;
    const value = check(capabilityNumber(capability));
    if (value > 0 && (value & bits) === bits) return [];
    const wanted = bits === 0 ? '' : ` with bits 0x${bits.toString(16)}, it has 0x${Math.max(0, value).toString(16)}`;
    return [`${capabilityTitle(capability)}${wanted}`];
  });
  if (missing.length > 0) throw new FaultLabError('CAP_MISSING', `${where} does not offer ${missing.join('; ')}`, { syscall: 'KVM_CHECK_EXTENSION' });
}
