/** What an instruction comes to at CPL0: on a host that emulates the guest's kernel, not what the manual says. */
import type { Probe, ProbeGroup } from '../probe.js';
import { TinyGuest, describeEnd } from '../tiny-guest/index.js';

interface Instruction {
  readonly id: string;
  readonly title: string;
  readonly code: readonly number[];
}

const INSTRUCTIONS: readonly Instruction[] = [
  { id: 'ud2', title: 'ud2', code: [0x0f, 0x0b] },
  { id: 'int', title: 'int 30h', code: [0xcd, 0x30] },
  { id: 'int3', title: 'int3', code: [0xcc] },
  { id: 'icebp', title: 'int1 (icebp)', code: [0xf1] },
  { id: 'divide', title: 'div ecx, ecx = 0', code: [0xf7, 0xf1] },
  { id: 'hlt', title: 'hlt, no APIC in KVM', code: [0xf4] },
  { id: 'cpuid', title: 'cpuid', code: [0x0f, 0xa2] },
  { id: 'rdpmc', title: 'rdpmc, counter 0', code: [0x0f, 0x33] },
  { id: 'wbinvd', title: 'wbinvd', code: [0x0f, 0x09] },
  { id: 'sse', title: 'movaps xmm0,xmm1, no CR4.OSFXSR', code: [0x0f, 0x28, 0xc1] },
];

function probeOf({ id, title, code }: Instruction): Probe {
  return {
    id: `cpl0-${id}`,
    title,
    find: ({ kvm }) => TinyGuest.with(kvm, { cpl: 0, code }, (guest) => ({ answer: describeEnd(guest.run()) })),
  };
}

/** The bytes of each instruction by the id of its probe: for whoever checks that they are what the title says. */
export const kernelInstructionCode: ReadonlyMap<string, readonly number[]> = new Map(INSTRUCTIONS.map(({ id, code }) => [`cpl0-${id}`, code]));

/** See the module's comment. */
export const kernelInstructions: ProbeGroup = { id: 'cpl0', title: 'What becomes of instructions at CPL0', probes: INSTRUCTIONS.map(probeOf) };
