/**
 * The delivery modes. Each combines a mechanism by which the host notices that a page is missing with what the guest is offered to know of
 * it; the guest itself is one binary for all of them.
 */
import type { CapabilityRequirement } from '../kvm/index.js';
import { KVM_X86_DISABLE_EXITS_HLT, uffdFeatures } from '../uapi/index.js';
import type { UapiName } from '../uapi/proposals/index.js';

/** A delivery mode. */
export type DeliveryMode = 'sync-uffd' | 'sync-exit' | 'apf-kernel' | 'apf-user' | 'apf-exitless';

/** What makes up a mode. */
export interface ModeTraits {
  /** One sentence for people. */
  readonly summary: string;
  /** The guest is offered KVM's async page faults. */
  readonly asyncPf: boolean;
  /** `sleep`: the faulting thread sleeps in the kernel and userfaultfd reports it. `exit`: the access fails and KVM_RUN returns. */
  readonly catches: 'sleep' | 'exit';
  /**
   * KVM may answer a slow page with a synthetic halt of the vCPU, in which it still takes interrupts. KVM does so by itself as soon as
   * the local APIC is in the kernel, whether or not the guest knows async page faults; it does not when HLT is passed through to
   * the guest. Modes that mean to wait, or to see the failed access, must rule it out.
   */
  readonly syntheticHalt: boolean;
  /** The VMM plays the host's end of the async page fault protocol. */
  readonly vmmInjects: boolean;
  /** `emulated` when a stock kernel has no such interface and the VMM makes one out of others. */
  readonly on: { readonly stock: 'native' | 'emulated' };
  /** UFFD_FEATURE_* that the mode cannot do without. */
  readonly uffdFeatures: bigint;
}

const SLEEP = uffdFeatures.MISSING_SHMEM | uffdFeatures.MINOR_SHMEM | uffdFeatures.THREAD_ID;
const EXIT = uffdFeatures.MISSING_SHMEM | uffdFeatures.MINOR_SHMEM | uffdFeatures.SIGBUS;

/** Every mode, in the order reports show them. */
export const MODES: Readonly<Record<DeliveryMode, ModeTraits>> = {
  'sync-uffd': {
    summary: 'the vCPU sleeps in KVM_RUN until userfaultfd is resolved',
    asyncPf: false,
    catches: 'sleep',
    syntheticHalt: false,
    vmmInjects: false,
    on: { stock: 'native' },
    uffdFeatures: SLEEP,
  },
  'sync-exit': {
    summary: 'KVM_RUN returns, the VMM waits for the page, then re-enters',
    asyncPf: false,
    catches: 'exit',
    syntheticHalt: false,
    vmmInjects: false,
    on: { stock: 'emulated' },
    uffdFeatures: EXIT,
  },
  'apf-kernel': {
    summary: 'KVM tells the guest, a KVM worker sleeps for it, the guest runs other tasks',
    asyncPf: true,
    catches: 'sleep',
    syntheticHalt: true,
    vmmInjects: false,
    on: { stock: 'native' },
    uffdFeatures: SLEEP,
  },
  'apf-user': {
    summary: 'KVM_RUN returns, the VMM tells the guest and re-enters at once',
    asyncPf: true,
    catches: 'exit',
    syntheticHalt: false,
    vmmInjects: true,
    on: { stock: 'emulated' },
    uffdFeatures: EXIT,
  },
  'apf-exitless': {
    summary: 'KVM tells the guest and a resolver at once; KVM_RUN does not return',
    asyncPf: true,
    catches: 'exit',
    syntheticHalt: false,
    vmmInjects: true,
    on: { stock: 'emulated' },
    uffdFeatures: EXIT,
  },
};

/** Modes by profile, in report order. `sync-uffd` is the same under each: what every kernel has, to compare with. */
export const UAPI_MODES: Readonly<Record<UapiName, readonly DeliveryMode[]>> = {
  stock: ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user'],
  userfault: ['sync-uffd', 'sync-exit'],
  'async-pf-user-2024': ['sync-uffd', 'sync-exit', 'apf-user'],
  'async-pf-userfault-2026': ['sync-uffd', 'sync-exit', 'apf-user', 'apf-exitless'],
  'sync-async-2bit': ['sync-uffd', 'sync-exit', 'apf-user'],
};

/** Names of the modes that a stock kernel's interfaces make, in report order. */
export const MODE_NAMES = UAPI_MODES.stock;

/** True for the name of a mode. */
export function isDeliveryMode(name: string): name is DeliveryMode {
  return Object.hasOwn(MODES, name);
}

/** Capabilities that the VM must have for a mode. */
export function modeCapabilities(mode: DeliveryMode): CapabilityRequirement[] {
  const traits = MODES[mode];
  const needed: CapabilityRequirement[] = ['SPLIT_IRQCHIP', 'IMMEDIATE_EXIT'];
  if (!traits.syntheticHalt) needed.push({ capability: 'X86_DISABLE_EXITS', bits: KVM_X86_DISABLE_EXITS_HLT });
  if (traits.catches === 'exit') needed.push('SYNC_REGS');
  if (traits.asyncPf && !traits.vmmInjects) needed.push('ASYNC_PF', 'ASYNC_PF_INT');
  if (traits.vmmInjects) needed.push('X86_USER_SPACE_MSR', 'X86_MSR_FILTER', 'EXCEPTION_PAYLOAD');
  return needed;
}
