/** Where a vCPU may be when a signal comes for its thread. */
import type { TinyGuestOptions } from '../../probes/index.js';
import { addresses } from '../../probes/index.js';

/** MSR_KVM_STEAL_TIME: gpa of the area, and bit 0 to enable it (Documentation/virt/kvm/x86/msr.rst). */
const MSR_KVM_STEAL_TIME = 0x4b56_4d03;
const STEAL_TIME_ENABLED = 1;

const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
const LOAD = [0x8a, 0x03]; // mov al,[rbx]
const LOOP = [0xeb, 0xfe];
const HLT_LOOP = [0xf4, 0xeb, 0xfd];
const ENABLE_STEAL_TIME = [0xb9, ...word(MSR_KVM_STEAL_TIME), 0xb8, ...word(addresses.page | STEAL_TIME_ENABLED), 0x31, 0xd2, 0x0f, 0x30];

/** A place. */
export interface Place {
  readonly id: string;
  readonly title: string;
  /** The same in a sentence about waits. */
  readonly when: string;
  /** True where the vCPU waits for a page behind userfaultfd. */
  readonly waitsForPage: boolean;
  /** The guest knows async page faults. */
  readonly asyncPf: boolean;
  readonly guest: Pick<TinyGuestOptions, 'cpl' | 'code' | 'apic' | 'interrupts'>;
}

/** Every place inside KVM_RUN; the first two are controls. */
export const PLACES: readonly Place[] = [
  { id: 'running', title: 'running at CPL3', when: 'while the guest runs', waitsForPage: false, asyncPf: false, guest: { cpl: 3, code: LOOP, apic: 'in-kernel', interrupts: true } },
  { id: 'hlt', title: 'in hlt', when: 'in hlt', waitsForPage: false, asyncPf: false, guest: { cpl: 0, code: HLT_LOOP, apic: 'in-kernel', interrupts: true } },
  { id: 'userfaultfd', title: 'in userfaultfd, from a fault of the guest', when: 'while the vCPU waits in userfaultfd for a fault of the guest', waitsForPage: true, asyncPf: false, guest: { cpl: 3, code: LOAD, apic: 'no-hlt-exits', interrupts: true } },
  { id: 'synthetic-halt', title: 'in a synthetic halt, the guest not told', when: 'while KVM halts a vCPU whose guest was not told', waitsForPage: true, asyncPf: false, guest: { cpl: 3, code: LOAD, apic: 'in-kernel', interrupts: true } },
  { id: 'async-halt', title: 'in a synthetic halt, a second fault on a page the guest was told of', when: 'while KVM halts a vCPU whose guest was told', waitsForPage: true, asyncPf: true, guest: { cpl: 3, code: LOAD } },
  {
    id: 'kernel-access',
    title: "in userfaultfd, from an access of KVM's own (steal time)",
    when: 'while KVM itself waits for a page (steal time)',
    waitsForPage: true,
    asyncPf: false,
    guest: { cpl: 0, code: [...ENABLE_STEAL_TIME, ...LOOP], apic: 'in-kernel', interrupts: false },
  },
];
