/** `--uapi NAME` and `--cap NAME=NUMBER`, for every command that takes them. */
import { Option } from 'commander';
import { FaultLabError } from '../errors/index.js';
import type { CapabilityNumbers } from '../kvm/index.js';
import { UAPI_NAMES, UAPI_PROFILES, isUapiName, withCapabilityNumbers, type UapiName, type UapiProfile } from '../uapi/proposals/index.js';

/** `--uapi NAME`: a profile. Throws FaultLabError `BAD_OPTION` for a name that is none. */
export function uapiOption(description = `uAPI to use: ${UAPI_NAMES.join(', ')}`): Option {
  return new Option('--uapi <name>', description).argParser(parseUapiName);
}

/** `--cap NAME=NUMBER`, repeatable: capability numbers of the kernel under test. Throws FaultLabError `BAD_OPTION`. */
export function capabilityOption(): Option {
  return new Option('--cap <name=number>', 'capability number of a proposal on this kernel, from its linux/kvm.h; repeatable').argParser(parseCapability);
}

/** The name of a profile. Throws FaultLabError `BAD_OPTION`. */
export function parseUapiName(text: string): UapiName {
  if (isUapiName(text)) return text;
  throw new FaultLabError('BAD_OPTION', `unknown uAPI '${text}'`, { hint: `there are ${UAPI_NAMES.join(', ')}` });
}

/**
 * Adds `userfault=245` to the numbers given before.
 * @throws FaultLabError `BAD_OPTION` for a name that no profile has, a number that is none, a capability given twice, and a number that another
 * capability has, merged or given
 */
export function parseCapability(text: string, before: CapabilityNumbers = {}): CapabilityNumbers {
  const match = /^([^=]*)=(.*)$/.exec(text);
  if (match === null) throw bad(`--cap takes NAME=NUMBER, not '${text}'`, 'as in --cap userfault=245');
  const [, option, digits] = match;
  const known = capabilityOptions();
  if (!known.includes(option)) throw bad(`--cap: no proposal has a capability '${option}'`, `there are ${known.join(', ')}`);
  if (!/^[1-9]\d{0,9}$/.test(digits)) throw bad(`--cap ${option}: '${digits}' is no capability number`, 'take the number from the linux/kvm.h of the kernel under test');
  if (Object.hasOwn(before, option)) throw bad(`--cap ${option} is given twice, as ${before[option]} and as ${digits}`, 'give one number for each capability');
  const numbers = { ...before, [option]: Number(digits) };
  const twin = Object.keys(before).find((other) => before[other] === numbers[option]);
  if (twin !== undefined) throw bad(`--cap: ${twin} and ${option} cannot both be capability ${digits}`, 'take both numbers from the linux/kvm.h of one kernel');
  for (const profile of Object.values(UAPI_PROFILES)) checkAgainstMerged(profile, option, numbers[option]);
  return numbers;
}

/**
 * The profile of a kernel whose capabilities have these numbers; those of other profiles are passed over.
 * @throws FaultLabError `BAD_OPTION` where two capabilities of the profile would have one number
 */
export function profileWith(name: UapiName, numbers: CapabilityNumbers = {}): UapiProfile {
  const profile = UAPI_PROFILES[name];
  const own = Object.fromEntries(Object.entries(numbers).filter(([option]) => profile.capabilities.some((capability) => capability.option === option)));
  try {
    return withCapabilityNumbers(profile, own);
  } catch (error) {
    throw asBadOption(error);
  }
}

/** What `--cap` takes, of all profiles. */
function capabilityOptions(): string[] {
  return [...new Set(Object.values(UAPI_PROFILES).flatMap(({ capabilities }) => capabilities.map(({ option }) => option)))];
}

/** One number alone: what the profile's other capabilities have is looked at when all are known. */
function checkAgainstMerged(profile: UapiProfile, option: string, number: number): void {
  const capabilities = profile.capabilities.filter((capability) => capability.option === option);
  if (capabilities.length === 0) return;
  try {
    withCapabilityNumbers({ ...profile, capabilities }, { [option]: number });
  } catch (error) {
    throw asBadOption(error);
  }
}

function asBadOption(error: unknown): unknown {
  if (!(error instanceof FaultLabError) || !error.code.startsWith('CAP_')) return error;
  return new FaultLabError('BAD_OPTION', `--cap: ${error.message}`, { hint: error.hint, cause: error });
}

function bad(message: string, hint: string): FaultLabError {
  return new FaultLabError('BAD_OPTION', message, { hint });
}
