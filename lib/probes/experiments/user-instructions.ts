/** What an instruction comes to at CPL3, where only the CPU, or what takes its place, has a say. */
import { CR4_TSD, EFER_SCE, MSR_LSTAR, MSR_STAR, MSR_SYSCALL_MASK, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_EIP, MSR_IA32_SYSENTER_ESP, RFLAGS_IF } from '../../uapi/index.js';
import { SELECTOR_KERNEL_CODE } from '../../guest/index.js';
import type { Finding, Probe, ProbeGroup } from '../probe.js';
import { STAR_VALUE, TinyGuest, addresses, describeEnd, type GateKind, type GuestEnd } from '../tiny-guest/index.js';

/** One instruction and the state it meets. */
interface Instruction {
  readonly id: string;
  /** As an assembler writes it (Intel syntax), then what is special about the state. */
  readonly title: string;
  readonly code: readonly number[];
  readonly rbx?: number;
  readonly rax?: number;
  readonly gate?: { readonly vector: number; readonly kind: GateKind };
  readonly prepare?: (guest: TinyGuest) => void;
  /** The words for an end that has better ones than the usual. */
  readonly describe?: (end: GuestEnd, guest: TinyGuest) => Finding | undefined;
}

const UNKNOWN_HYPERCALL = 0x7fff;
const INT_VECTOR = 0x30;

/** SYSCALL and SYSENTER may go where they should and yet not raise the privilege level. */
function describeEntry(end: GuestEnd): Finding | undefined {
  if (end.kind === 'entry') return { answer: `reaches its entry point at CPL ${end.cpl}` };
  const stayed = end.kind === 'trap' && end.trap.rip === addresses.entryStub && end.trap.cpl === 3;
  return stayed ? { answer: 'reaches its entry point at CPL 3', detail: `where it gets ${describeEnd(end)}` } : undefined;
}

/** A hypercall that returns says how it went in rax. */
function describeHypercall(end: GuestEnd, guest: TinyGuest): Finding | undefined {
  return end.kind === 'end' ? { answer: `returns ${BigInt.asIntN(64, guest.vcpu.getRegs().get('rax'))}` } : undefined;
}

function prepareSyscall({ vcpu }: TinyGuest): void {
  const sregs = vcpu.getSregs();
  sregs.setNumber('efer', sregs.number('efer') | EFER_SCE);
  vcpu.setSregs(sregs);
  vcpu.setMsr(MSR_STAR, STAR_VALUE);
  vcpu.setMsr(MSR_LSTAR, BigInt(addresses.entryStub));
  vcpu.setMsr(MSR_SYSCALL_MASK, BigInt(RFLAGS_IF));
}

function prepareSysenter({ vcpu }: TinyGuest): void {
  vcpu.setMsr(MSR_IA32_SYSENTER_CS, BigInt(SELECTOR_KERNEL_CODE));
  vcpu.setMsr(MSR_IA32_SYSENTER_ESP, BigInt(addresses.kernelStackTop));
  vcpu.setMsr(MSR_IA32_SYSENTER_EIP, BigInt(addresses.entryStub));
}

function forbidTimeStamps({ vcpu }: TinyGuest): void {
  const sregs = vcpu.getSregs();
  sregs.setNumber('cr4', sregs.number('cr4') | CR4_TSD);
  vcpu.setSregs(sregs);
}

const INSTRUCTIONS: readonly Instruction[] = [
  { id: 'ud2', title: 'ud2', code: [0x0f, 0x0b] },
  { id: 'int-absent', title: 'int 30h, no gate', code: [0xcd, INT_VECTOR], gate: { vector: INT_VECTOR, kind: 'absent' } },
  { id: 'int-dpl0', title: 'int 30h, gate with DPL 0', code: [0xcd, INT_VECTOR] },
  { id: 'int-dpl3', title: 'int 30h, gate with DPL 3', code: [0xcd, INT_VECTOR], gate: { vector: INT_VECTOR, kind: 'dpl3' } },
  { id: 'int80-dpl3', title: 'int 80h, gate with DPL 3', code: [0xcd, 0x80], gate: { vector: 0x80, kind: 'dpl3' } },
  { id: 'int3-dpl0', title: 'int3, gate with DPL 0', code: [0xcc] },
  { id: 'int3-dpl3', title: 'int3, gate with DPL 3', code: [0xcc], gate: { vector: 3, kind: 'dpl3' } },
  { id: 'icebp', title: 'int1 (icebp)', code: [0xf1] },
  { id: 'syscall', title: 'syscall', code: [0x0f, 0x05], prepare: prepareSyscall, describe: describeEntry },
  { id: 'sysenter', title: 'sysenter', code: [0x0f, 0x34], prepare: prepareSysenter, describe: describeEntry },
  { id: 'out', title: 'out 80h,al', code: [0xe6, 0x80] },
  { id: 'in', title: 'in al,80h', code: [0xe4, 0x80] },
  { id: 'cli', title: 'cli', code: [0xfa] },
  { id: 'hlt', title: 'hlt', code: [0xf4] },
  { id: 'wbinvd', title: 'wbinvd', code: [0x0f, 0x09] },
  { id: 'rdpmc', title: 'rdpmc', code: [0x0f, 0x33] },
  { id: 'rdmsr', title: 'rdmsr', code: [0x0f, 0x32] },
  { id: 'mov-cr2', title: 'mov rax,cr2', code: [0x0f, 0x20, 0xd0] },
  { id: 'swapgs', title: 'swapgs', code: [0x0f, 0x01, 0xf8] },
  { id: 'rdtsc', title: 'rdtsc', code: [0x0f, 0x31] },
  { id: 'rdtsc-tsd', title: 'rdtsc, CR4.TSD', code: [0x0f, 0x31], prepare: forbidTimeStamps },
  { id: 'rdtscp', title: 'rdtscp', code: [0x0f, 0x01, 0xf9] },
  { id: 'cpuid', title: 'cpuid', code: [0x0f, 0xa2] },
  { id: 'xgetbv', title: 'xgetbv, no CR4.OSXSAVE', code: [0x0f, 0x01, 0xd0] },
  { id: 'sgdt', title: 'sgdt [rbx], no CR4.UMIP', code: [0x0f, 0x01, 0x03], rbx: addresses.userData },
  { id: 'vmmcall', title: 'vmmcall', code: [0x0f, 0x01, 0xd9], rax: UNKNOWN_HYPERCALL, describe: describeHypercall },
  { id: 'vmcall', title: 'vmcall', code: [0x0f, 0x01, 0xc1], rax: UNKNOWN_HYPERCALL, describe: describeHypercall },
  { id: 'divide', title: 'div ecx, ecx = 0', code: [0xf7, 0xf1] },
  { id: 'supervisor-read', title: 'mov al,[rbx], supervisor page', code: [0x8a, 0x03], rbx: addresses.kernelData },
  { id: 'supervisor-write', title: 'mov [rbx],al, supervisor page', code: [0x88, 0x03], rbx: addresses.kernelData },
];

function probeOf({ id, title, code, rax = 0, rbx = 0, gate, prepare, describe }: Instruction): Probe {
  return {
    id: `cpl3-${id}`,
    title,
    find: ({ kvm }) =>
      TinyGuest.with(kvm, { cpl: 3, code, registers: { rax, rbx } }, (guest) => {
        if (gate !== undefined) guest.memory.setGate(gate.vector, gate.kind);
        prepare?.(guest);
        const end = guest.run();
        return describe?.(end, guest) ?? { answer: describeEnd(end) };
      }),
  };
}

/** The bytes of each instruction by the id of its probe: for whoever checks that they are what the title says. */
export const userInstructionCode: ReadonlyMap<string, readonly number[]> = new Map(INSTRUCTIONS.map(({ id, code }) => [`cpl3-${id}`, code]));

/** See the module's comment. */
export const userInstructions: ProbeGroup = { id: 'cpl3', title: 'What CPL3 may do', probes: INSTRUCTIONS.map(probeOf) };
