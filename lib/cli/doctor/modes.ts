import { KVM_X86_DISABLE_EXITS_HLT, type CapabilityName, type UffdFeatureName } from '../../uapi/index.js';
import { hasAsyncPfBits, hasCapability } from './capability-checks.js';
import type { DoctorFacts } from './facts.js';

/** How a delivery mode runs here. */
export type ModeStatus = 'native' | 'emulated' | 'cannot';

/** A delivery mode and what this host makes of it. */
export interface ModeVerdict {
  readonly mode: ModeName;
  readonly status: ModeStatus;
  readonly why: string;
  /** Present where the status is `cannot`. */
  readonly remedy?: string;
}

/** The delivery modes of this version. */
export type ModeName = 'sync-uffd' | 'sync-exit' | 'apf-kernel' | 'apf-user';

/** Something a mode cannot do without. */
interface Need {
  readonly met: (facts: DoctorFacts) => boolean;
  readonly absent: string;
  readonly remedy: string;
  /** Where it is absent, nothing after it can be judged. */
  readonly first?: true;
}

const see = (id: string): string => `See the line "${id}".`;

const FOUNDATIONS: readonly Need[] = [
  { met: (facts) => facts.addon.found, absent: 'the native addon is not built', remedy: see('native addon'), first: true },
  { met: (facts) => facts.guest.built, absent: 'the guest is not built', remedy: see('guest') },
  { met: (facts) => facts.kvm.found, absent: 'KVM cannot be used', remedy: see('/dev/kvm'), first: true },
  { met: (facts) => facts.kvm.found && facts.kvm.value.vm.found, absent: 'no VM can be made', remedy: see('virtual machine'), first: true },
];

function capability(name: CapabilityName, bits = 0): Need {
  return {
    met: ({ kvm }) => kvm.found && hasCapability(kvm.value, name, bits),
    absent: `no KVM_CAP_${name}`,
    remedy: see(`KVM_CAP_${name}`),
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

/** Keeps KVM from halting a vCPU that waits for a page: modes that mean to wait, or to see the access fail, need it. */
const NO_SYNTHETIC_HALT = capability('X86_DISABLE_EXITS', KVM_X86_DISABLE_EXITS_HLT);

const EVERY_MODE = [...FOUNDATIONS, capability('SPLIT_IRQCHIP'), capability('IMMEDIATE_EXIT'), USERFAULTFD, uffdFeature('MISSING_SHMEM'), uffdFeature('MINOR_SHMEM')];
const SLEEP = [...EVERY_MODE, uffdFeature('THREAD_ID')];
const FAULT_AS_EXIT = [...EVERY_MODE, capability('SYNC_REGS'), NO_SYNTHETIC_HALT, uffdFeature('SIGBUS')];

const MODES: readonly { readonly mode: ModeName; readonly status: 'native' | 'emulated'; readonly why: string; readonly needs: readonly Need[] }[] = [
  {
    mode: 'sync-uffd',
    status: 'native',
    why: 'the vCPU sleeps in KVM_RUN until userfaultfd is answered',
    needs: [...SLEEP, NO_SYNTHETIC_HALT],
  },
  {
    mode: 'sync-exit',
    status: 'emulated',
    why: 'a missing page makes KVM_RUN fail with EFAULT; the VMM finds the address itself',
    needs: FAULT_AS_EXIT,
  },
  {
    mode: 'apf-kernel',
    status: 'native',
    why: 'KVM delivers both events; userfaultfd keeps its worker waiting',
    needs: [...SLEEP, capability('ASYNC_PF'), capability('ASYNC_PF_INT'), ASYNC_PF_CPUID],
  },
  {
    mode: 'apf-user',
    status: 'emulated',
    why: 'the VMM takes the fault as an exit and injects both events itself',
    needs: [...FAULT_AS_EXIT, capability('X86_USER_SPACE_MSR'), capability('X86_MSR_FILTER'), capability('EXCEPTION_PAYLOAD')],
  },
];

function unmet(facts: DoctorFacts, needs: readonly Need[]): Need[] {
  const absent: Need[] = [];
  for (const need of needs) {
    if (need.met(facts)) continue;
    absent.push(need);
    if (need.first) break;
  }
  return absent;
}

/** What this host makes of each delivery mode, and why. */
export function modeVerdicts(facts: DoctorFacts): ModeVerdict[] {
  return MODES.map(({ mode, status, why, needs }) => {
    const absent = unmet(facts, needs);
    if (absent.length === 0) return { mode, status, why };
    return { mode, status: 'cannot', why: absent.map((need) => need.absent).join('; '), remedy: [...new Set(absent.map((need) => need.remedy))].join(' ') };
  });
}
