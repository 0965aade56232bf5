/** Interrupts from another thread, for a vCPU that waits in HLT and for one that runs; and none at all. */
import { msiTo, type Kvm } from '../../kvm/index.js';
import { MSR_X2APIC_SPURIOUS } from '../../uapi/index.js';
import type { Finding, Probe, ProbeContext, ProbeGroup } from '../probe.js';
import { APIC_TITLES, TinyGuest, describeEnd, type ApicKind } from '../tiny-guest/index.js';

interface Situation {
  readonly id: string;
  readonly title: string;
  readonly cpl: 0 | 3;
  readonly code: readonly number[];
  readonly apic: ApicKind;
}

const VECTOR = 0x51;
const SPURIOUS_VECTOR_AND_ENABLE = 0x1ffn;
/** Long enough for the vCPU to be in HLT or in its loop; the interrupt works without as well, but shows less. */
const DELAY_MS = 20;
/** No slice may end before the interrupt comes: it alone is to bring the vCPU back. */
const SLICE_NS = 2e9;

const HLT = [0xf4];
/** SVM forgets that a vCPU was in HLT when an interrupt of the host's ends guest mode: as every kernel does, back into it. */
const HLT_LOOP = [...HLT, 0xeb, 0xfd];
const LOOP = [0xeb, 0xfe];
/** Longer than a slice, whose end is an interrupt of the host's. */
const HLT_LIMIT_MS = 100;

const SITUATIONS: readonly Situation[] = [
  ...(['in-kernel', 'no-hlt-exits'] as const).map((apic): Situation => ({ id: `hlt-${apic}`, title: `KVM_SIGNAL_MSI to a vCPU in hlt, ${APIC_TITLES[apic]}`, cpl: 0, code: HLT_LOOP, apic })),
  { id: 'loop', title: 'KVM_SIGNAL_MSI to a vCPU in a loop at CPL3', cpl: 3, code: LOOP, apic: 'in-kernel' },
];

async function trySituation({ kvm, helper }: ProbeContext, { cpl, code, apic }: Situation): Promise<Finding> {
  const thread = await helper();
  return TinyGuest.with(kvm, { cpl, code, apic, interrupts: true, sliceNs: SLICE_NS }, async (guest) => {
    guest.vcpu.setMsr(MSR_X2APIC_SPURIOUS, SPURIOUS_VECTOR_AND_ENABLE);
    const { result: end, signalled } = await thread.signalling(guest.vm, msiTo(0, VECTOR), DELAY_MS, () => guest.run());
    if (signalled <= 0) return { answer: `KVM_SIGNAL_MSI returns ${signalled}` };
    if (end.kind !== 'trap' || end.trap.vector !== VECTOR) return { answer: describeEnd(end) };
    return { answer: guest.vcpu.sliceCount === 0 ? 'taken' : 'taken at the end of a slice' };
  });
}

/** What a vCPU in HLT does when interrupts of the host's come and none of its own. */
async function stayInHlt(kvm: Kvm, apic: ApicKind): Promise<Finding> {
  return TinyGuest.with(kvm, { cpl: 0, code: HLT, apic, interrupts: true, limitMs: HLT_LIMIT_MS }, (guest) => {
    const end = guest.run();
    if (end.kind === 'stays') return { answer: 'stays in hlt' };
    return { answer: end.kind === 'end' ? 'goes on behind hlt' : describeEnd(end) };
  });
}

/** See the module's comment. */
export const interrupts: ProbeGroup = {
  id: 'interrupts',
  title: 'Interrupts and hlt',
  probes: [
    ...SITUATIONS.map((situation): Probe => ({ id: `msi-${situation.id}`, title: situation.title, find: (context) => trySituation(context, situation) })),
    ...(['in-kernel', 'no-hlt-exits'] as const).map((apic): Probe => ({ id: `hlt-alone-${apic}`, title: `no interrupt for a vCPU in hlt, ${APIC_TITLES[apic]}`, find: ({ kvm }) => stayInHlt(kvm, apic) })),
  ],
};
