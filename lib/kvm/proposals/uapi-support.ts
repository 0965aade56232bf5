import { FaultLabError } from '../../errors/index.js';
import type { UapiName, UapiProfile } from '../../uapi/proposals/index.js';

/** Capability numbers given on the command line, by {@link UapiCapability.option}; the profile's own number counts for those left out. */
export type CapabilityNumbers = Readonly<Record<string, number>>;

/** What a fact says about the question whether the kernel has the profile. */
export type FactSpeaks = 'for' | 'against' | 'nothing';

/** One thing that the running kernel was asked. */
export interface UapiFact {
  /** What was asked: `KVM_CHECK_EXTENSION of 245`. */
  readonly asked: string;
  /** What came back, in words: `0, no such capability`. */
  readonly found: string;
  readonly speaks: FactSpeaks;
}

/** What the running kernel has of a profile. Plain data. */
export interface UapiSupport {
  readonly name: UapiName;
  /** True where real ioctls can drive it. */
  readonly native: boolean;
  /** One sentence: `this kernel does not have ...: why`. */
  readonly why: string;
  /** In the order in which they were asked. */
  readonly facts: readonly UapiFact[];
}

/** Collects facts in the order in which they are asked. */
export class FactList {
  readonly facts: UapiFact[] = [];

  /** Adds a fact that speaks for the profile, or against it. Returns `holds`. */
  add(asked: string, found: string, holds: boolean): boolean {
    this.facts.push({ asked, found, speaks: holds ? 'for' : 'against' });
    return holds;
  }

  /** Adds a fact that decides nothing. */
  note(asked: string, found: string): void {
    this.facts.push({ asked, found, speaks: 'nothing' });
  }
}

/** Number of a profile's capability, by the name that `--cap` takes. Throws RangeError where the profile has no such capability. */
export function numberOf(profile: UapiProfile, option: string, numbers: CapabilityNumbers): number {
  const capability = profile.capabilities.find((known) => known.option === option);
  if (capability === undefined) throw new RangeError(`${profile.name} has no capability ${option}`);
  return Object.hasOwn(numbers, option) ? numbers[option] : capability.number;
}

/** Throws FaultLabError `UAPI_ABSENT`, with what was found, unless real ioctls can drive the profile here. */
export function requireUapi(support: UapiSupport): void {
  if (support.native) return;
  const against = support.facts.filter(({ speaks }) => speaks === 'against').map(({ asked, found }) => `${asked}: ${found}`);
  throw new FaultLabError('UAPI_ABSENT', `${support.why} (${against.join('; ')})`);
}
