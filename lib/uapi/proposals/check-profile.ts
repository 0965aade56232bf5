/** Whether a profile can be used: its numbers, its rules, its requests. */
import { FaultLabError } from '../../errors/index.js';
import { capabilities, capabilityTitle, type CapabilityName } from '../capabilities.js';
import { ioctlParts, KVMIO } from '../ioctl.js';
import { isUapiName, type UapiCapability, type UapiProfile, type UapiRule } from './profile.js';

/** KVM_CHECK_EXTENSION takes an int. */
const MOST_CAPABILITY = 0x7fff_ffff;

const mergedByNumber: ReadonlyMap<number, CapabilityName> = new Map(
  (Object.entries(capabilities) as [CapabilityName, number][]).map(([name, number]) => [number, name]),
);

/**
 * Refuses a profile that nothing should be built on.
 * @throws FaultLabError PROFILE_MALFORMED for a profile that contradicts itself, CAP_NUMBER for a capability number that no kernel has, CAP_CLASH for
 * one that another capability has, merged or of the profile (a clash that the profile owns up to is none)
 */
export function checkProfile(profile: UapiProfile): void {
  if (!isUapiName(profile.name)) malformed(profile, 'its name is none that --uapi takes');
  if (profile.summary === '') malformed(profile, 'it has no summary');
  checkCapabilities(profile);
  checkLayouts(profile);
  checkIoctls(profile);
  for (const [name, value] of Object.entries(profile.constants)) if (!Number.isSafeInteger(value) || value < 0) malformed(profile, `constant ${name} is ${value}`);
  checkRules(profile);
}

/**
 * The profile with other capability numbers, as given with `--cap NAME=NUMBER`.
 * @param numbers - by option name; what is left out stays
 * @throws FaultLabError CAP_UNKNOWN for a name that is no capability of the profile; else as {@link checkProfile}
 */
export function withCapabilityNumbers(profile: UapiProfile, numbers: Readonly<Record<string, number>>): UapiProfile {
  const options = profile.capabilities.map(({ option }) => option);
  for (const option of Object.keys(numbers)) {
    if (options.includes(option)) continue;
    const known = options.length === 0 ? 'it has none' : `it has ${options.join(', ')}`;
    throw new FaultLabError('CAP_UNKNOWN', `profile ${profile.name} has no capability ${option}`, { hint: known });
  }
  const changed = { ...profile, capabilities: profile.capabilities.map((capability) => renumbered(capability, numbers)) };
  checkCapabilities(changed);
  return changed;
}

function renumbered(capability: UapiCapability, numbers: Readonly<Record<string, number>>): UapiCapability {
  if (!Object.hasOwn(numbers, capability.option) || numbers[capability.option] === capability.number) return capability;
  const { name, option, number, seenIn, alsoSeen } = capability;
  return { name, option, number: numbers[option], seenIn: 'the command line', alsoSeen: { ...alsoSeen, [number]: seenIn } };
}

function checkCapabilities(profile: UapiProfile): void {
  const taken = new Map<number, string>();
  const names = new Set<string>();
  for (const { name, option, number, knownClash } of profile.capabilities) {
    if (names.has(option)) malformed(profile, `two capabilities are called ${option}`);
    names.add(option);
    if (!Number.isInteger(number) || number <= 0 || number > MOST_CAPABILITY) {
      throw new FaultLabError('CAP_NUMBER', `KVM_CAP_${name} cannot have number ${number}`, { hint: 'take the number from the linux/kvm.h of the kernel under test' });
    }
    const other = taken.get(number);
    if (other !== undefined) clash(profile, name, number, `KVM_CAP_${other} of the same profile`);
    taken.set(number, name);
    const merged = mergedByNumber.get(number);
    if (merged !== undefined && merged !== knownClash) clash(profile, name, number, `${capabilityTitle(merged)}, which is merged`);
    if (knownClash !== undefined && capabilities[knownClash] !== number) malformed(profile, `KVM_CAP_${name} does not clash with KVM_CAP_${knownClash}`);
  }
}

function checkLayouts(profile: UapiProfile): void {
  for (const { name, size, fields } of profile.layouts) {
    for (const [field, { offset, size: bytes }] of Object.entries(fields)) {
      const inside = Number.isInteger(offset) && Number.isInteger(bytes) && offset >= 0 && bytes > 0 && offset + bytes <= size;
      if (!inside) malformed(profile, `${name}.${field} is at ${offset}, ${bytes} bytes, in a structure of ${size}`);
    }
  }
}

function checkIoctls(profile: UapiProfile): void {
  const requests = new Set<number>();
  for (const [name, request] of Object.entries(profile.ioctls)) {
    const { type, sizeBytes } = ioctlParts(request);
    if (type !== KVMIO) malformed(profile, `${name} is no request of KVM`);
    if (requests.has(request)) malformed(profile, `two requests have the number of ${name}`);
    requests.add(request);
    if (sizeBytes !== 0 && !profile.layouts.some(({ size }) => size === sizeBytes)) malformed(profile, `${name} takes ${sizeBytes} bytes, as no structure of it`);
  }
}

function checkRules(profile: UapiProfile): void {
  const ids = new Set<string>();
  for (const rule of profile.rules) {
    if (!/^[a-z0-9]+-\d{2}$/.test(rule.id)) malformed(profile, `${rule.id} is no id of a rule`);
    if (ids.has(rule.id)) malformed(profile, `two rules have the id ${rule.id}`);
    ids.add(rule.id);
    if (rule.sentence === '' || rule.source === '') malformed(profile, `rule ${rule.id} says nothing, or not who says it`);
    if (isUnexplained(rule)) malformed(profile, `rule ${rule.id} does not say why it can, or cannot, be seen`);
  }
}

function isUnexplained({ observable, unseenBecause }: UapiRule): boolean {
  return (observable === 'kernel-only') !== (unseenBecause !== undefined);
}

function malformed(profile: UapiProfile, why: string): never {
  throw new FaultLabError('PROFILE_MALFORMED', `profile ${profile.name} cannot be used: ${why}`, { hint: 'this is a fault of the profile, not of the kernel' });
}

function clash(profile: UapiProfile, name: string, number: number, other: string): never {
  throw new FaultLabError('CAP_CLASH', `profile ${profile.name}: KVM_CAP_${name} has number ${number}, and so has ${other}`, {
    hint: 'capability numbers of proposals move with every rebase: give the one of the kernel under test with --cap',
  });
}
