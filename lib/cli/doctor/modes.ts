import type { CapabilityRequirement } from '../../kvm/index.js';
import { MODES, MODE_NAMES, modeCapabilities, type DeliveryMode } from '../../machine/index.js';
import { capabilityTitle, uffdFeatureNames, type UffdFeatureName } from '../../uapi/index.js';
import { hasAsyncPfBits, hasCapability } from './capability-checks.js';
import type { Observations } from './observations.js';

/** How a delivery mode runs here. */
export type ModeStatus = 'native' | 'emulated' | 'cannot';

/** A delivery mode and what this host makes of it. */
export interface ModeVerdict {
  readonly mode: DeliveryMode;
  readonly status: ModeStatus;
  readonly why: string;
  /** Present where the status is `cannot`. */
  readonly remedy?: string;
}

/** Something a mode cannot do without. */
interface Need {
  readonly met: (observed: Observations) => boolean;
  readonly absent: string;
  readonly remedy: string;
  /** Where it is absent, nothing after it can be judged. */
  readonly first?: true;
}

const see = (id: string): string => `See the line "${id}".`;

const FOUNDATIONS: readonly Need[] = [
  { met: (observed) => observed.addon.found, absent: 'the native addon is not built', remedy: see('native addon'), first: true },
  { met: (observed) => observed.guest.built, absent: 'the guest is not built', remedy: see('guest') },
  { met: (observed) => observed.kvm.found, absent: 'KVM cannot be used', remedy: see('/dev/kvm'), first: true },
  { met: (observed) => observed.kvm.found && observed.kvm.value.vm.found, absent: 'no VM can be made', remedy: see('virtual machine'), first: true },
];

function capability(requirement: CapabilityRequirement): Need {
  const { capability: name, bits } = typeof requirement === 'string' ? { capability: requirement, bits: 0 } : requirement;
  return {
    met: ({ kvm }) => kvm.found && typeof name === 'string' && hasCapability(kvm.value, name, bits),
    absent: `no ${capabilityTitle(name)}`,
    remedy: see(capabilityTitle(name)),
  };
}

const USERFAULTFD: Need = { met: ({ uffd }) => uffd.found, absent: 'userfaultfd is refused', remedy: see('userfaultfd'), first: true };

function uffdFeature(name: UffdFeatureName): Need {
  return {
    met: ({ uffd }) => uffd.found && uffd.value.features.includes(name),
    absent: `userfaultfd lacks ${name}`,
    remedy: see('userfaultfd features'),
  };
}

const ASYNC_PF_CPUID: Need = {
  met: ({ kvm }) => kvm.found && hasAsyncPfBits(kvm.value),
  absent: 'KVM does not offer async page faults in CPUID',
  remedy: see('CPUID 0x40000001'),
};

/** Everything a mode needs, in the order in which it is worth asking: what the machine itself will ask for, and what comes before. */
function needsOf(mode: DeliveryMode): readonly Need[] {
  const traits = MODES[mode];
  return [
    ...FOUNDATIONS,
    ...modeCapabilities(mode).map(capability),
    ...(traits.asyncPf && !traits.vmmInjects ? [ASYNC_PF_CPUID] : []),
    USERFAULTFD,
    ...uffdFeatureNames(traits.uffdFeatures).map(uffdFeature),
  ];
}

function unmet(observed: Observations, needs: readonly Need[]): Need[] {
  const absent: Need[] = [];
  for (const need of needs) {
    if (need.met(observed)) continue;
    absent.push(need);
    if (need.first) break;
  }
  return absent;
}

/** What this host makes of each delivery mode, and why. */
export function modeVerdicts(observed: Observations): ModeVerdict[] {
  return MODE_NAMES.map((mode) => {
    const absent = unmet(observed, needsOf(mode));
    if (absent.length === 0) return { mode, status: MODES[mode].on.stock, why: MODES[mode].summary };
    return { mode, status: 'cannot', why: absent.map((need) => need.absent).join('; '), remedy: [...new Set(absent.map((need) => need.remedy))].join(' ') };
  });
}
