/** Which target a profile is tried on. */
import { probeUapi, requireUapi, type Kvm } from '../../kvm/index.js';
import type { ConformanceTarget } from '../vm.js';
import type { LoadedProfile } from './emulated/emulated-vm.js';
import { EmulatedTarget, NativeTarget } from './target.js';

/** What can be asked for. `auto`: the kernel itself where it has the profile. */
export const TARGET_CHOICES = ['auto', 'native', 'emulated'] as const;

/** One of {@link TARGET_CHOICES}. */
export type TargetChoice = (typeof TARGET_CHOICES)[number];

/** True for one of {@link TARGET_CHOICES}. */
export function isTargetChoice(text: string): text is TargetChoice {
  return (TARGET_CHOICES as readonly string[]).includes(text);
}

/** A target, and why it is this one. */
export interface ChosenTarget {
  readonly target: ConformanceTarget;
  readonly why: string;
}

/**
 * Makes the target. It has made a VM once: a host that can make none is none to run cases on.
 * @throws FaultLabError `UAPI_ABSENT` for `native` on a kernel without the profile, `CAP_MISSING` and others where this host makes no such VM
 */
export function chooseTarget(kvm: Kvm, loaded: LoadedProfile, choice: TargetChoice): ChosenTarget {
  const chosen = choose(kvm, loaded, choice);
  chosen.target.createVm().close();
  return chosen;
}

function choose(kvm: Kvm, loaded: LoadedProfile, choice: TargetChoice): ChosenTarget {
  if (choice === 'emulated') return { target: new EmulatedTarget(kvm, loaded), why: 'as asked for' };
  const { profile } = loaded;
  const support = probeUapi(kvm, profile, Object.fromEntries(profile.capabilities.map(({ option, number }) => [option, number])));
  if (choice === 'native') requireUapi(support);
  return support.native ? { target: new NativeTarget(kvm, loaded), why: support.why } : { target: new EmulatedTarget(kvm, loaded), why: support.why };
}
