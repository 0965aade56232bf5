/** Accesses to guest memory that KVM makes itself, each made to hit the page under test. */
import { msiTo } from '../../kvm/index.js';
import { addresses, type GuestEnd, type TinyGuest, type TinyGuestOptions } from '../../probes/index.js';
import { KVM_ASYNC_PF_DELIVERY_AS_INT, KVM_ASYNC_PF_ENABLED, MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT, MSR_X2APIC_SPURIOUS, PAGE_SIZE, VECTOR_PAGE_FAULT } from '../../uapi/index.js';

/** Paravirtual MSRs whose areas KVM writes (Documentation/virt/kvm/x86/msr.rst). Bit 0 of the value enables each. */
const MSR_KVM_SYSTEM_TIME_NEW = 0x4b56_4d01;
const MSR_KVM_STEAL_TIME = 0x4b56_4d03;
const MSR_KVM_PV_EOI_EN = 0x4b56_4d04;
const ENABLED = 1;

const SPURIOUS_VECTOR_AND_ENABLE = 0x1ffn;
const READY_VECTOR = 0xf3;
const VECTOR = 0x51;
/** Entries of a page table; the second of the top level starts here. */
const SECOND_PML4_GVA = 2 ** 39;
const FRAME_MASK = 0x000f_ffff_ffff_f000n;
const PRESENT_WRITE_USER_ACCESSED = 0x27n;

const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
const LOOP = [0xeb, 0xfe];
const LOAD = [0x8a, 0x03]; // mov al,[rbx]
/** mov ecx,count; loop $ */
const delay = (count: number): number[] => [0xb9, ...word(count), 0xe2, 0xfe];
const wrmsr = (index: number, value: number): number[] => [0xb9, ...word(index), 0xb8, ...word(value), 0x31, 0xd2, 0x0f, 0x30];
/** mov dx,port; outsb: KVM's emulator reads the byte at rsi on every host. */
const OUTSB = [0x66, 0xba, 0x80, 0x00, 0x6e];
/** Long enough that KVM leaves an emulated guest, short on any. */
const DELAY_TURNS = 20_000;

/** One kind of access. */
export interface KernelAccess {
  readonly id: string;
  readonly title: string;
  readonly guest: Pick<TinyGuestOptions, 'cpl' | 'code' | 'apic' | 'interrupts' | 'registers'>;
  /** Before the guest runs. */
  readonly prepare?: (guest: TinyGuest) => void;
  /** What the page holds where it is there; zeroes where left out. */
  readonly contents?: (guest: TinyGuest) => Uint8Array;
  /** True when the access was made and did what it is for. `page` reads as zeroes where it cannot be read; `zeroed`: somebody filled it with zeroes. */
  readonly worked: (end: GuestEnd, page: PageReader, zeroed: boolean) => boolean;
}

/** What can be read of the page under test. */
export interface PageReader {
  read(offset: number, into: Uint8Array): unknown;
}

const isWritten = (page: PageReader): boolean => {
  const bytes = new Uint8Array(64);
  page.read(0, bytes);
  return bytes.some((byte) => byte !== 0);
};
const tookVector = (end: GuestEnd, vector: number): boolean => end.kind === 'trap' && end.trap.vector === vector;

/** See the module's comment. */
export const KERNEL_ACCESSES: readonly KernelAccess[] = [
  {
    id: 'kvmclock',
    title: 'kvmclock: KVM writes the time area',
    guest: { cpl: 0, code: [...wrmsr(MSR_KVM_SYSTEM_TIME_NEW, addresses.page | ENABLED), ...delay(DELAY_TURNS)], apic: 'in-kernel' },
    worked: (_, page) => isWritten(page),
  },
  {
    id: 'steal-time',
    title: 'steal time: KVM writes its area',
    guest: { cpl: 0, code: [...wrmsr(MSR_KVM_STEAL_TIME, addresses.page | ENABLED), ...delay(DELAY_TURNS)], apic: 'in-kernel' },
    worked: (_, page) => isWritten(page),
  },
  {
    id: 'pv-eoi',
    title: 'PV EOI: KVM writes its word with an interrupt',
    guest: { cpl: 3, code: LOOP, apic: 'in-kernel', interrupts: true },
    prepare: ({ vcpu, vm }: TinyGuest): void => {
      vcpu.setMsr(MSR_X2APIC_SPURIOUS, SPURIOUS_VECTOR_AND_ENABLE);
      vcpu.setMsr(MSR_KVM_PV_EOI_EN, BigInt(addresses.page | ENABLED));
      vm.signalMsi(msiTo(0, VECTOR));
    },
    // KVM takes the word back at the exit that shows the interrupt. Without it the guest writes the EOI register, and nothing is lost.
    worked: (end) => tookVector(end, VECTOR),
  },
  {
    id: 'apf-area',
    title: 'async page fault area: KVM writes it for the wake-all event',
    guest: { cpl: 3, code: LOOP, apic: 'in-kernel', interrupts: true },
    prepare: ({ vcpu }: TinyGuest): void => {
      vcpu.setMsr(MSR_X2APIC_SPURIOUS, SPURIOUS_VECTOR_AND_ENABLE);
      vcpu.setMsr(MSR_KVM_ASYNC_PF_INT, BigInt(READY_VECTOR));
      vcpu.setMsr(MSR_KVM_ASYNC_PF_EN, BigInt(addresses.page | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT));
    },
    worked: (end, page) => tookVector(end, READY_VECTOR) && isWritten(page),
  },
  {
    id: 'page-walk',
    title: "page walk: one of the guest's page tables is missing",
    guest: { cpl: 3, code: LOAD, apic: 'no-hlt-exits', interrupts: true, registers: { rbx: SECOND_PML4_GVA + addresses.userData } },
    prepare: ({ memory }: TinyGuest): void => {
      memory.ram.data.setBigUint64(memory.root + 8, BigInt(addresses.page) | PRESENT_WRITE_USER_ACCESSED, true);
    },
    // The same memory once more; a table of zeroes maps nothing, which is a page fault of the guest's own.
    contents: ({ memory: { ram, root } }: TinyGuest): Uint8Array => {
      const table = Number(ram.data.getBigUint64(root, true) & FRAME_MASK);
      return ram.bytes.slice(table, table + PAGE_SIZE);
    },
    worked: (end, _, zeroed) => (zeroed ? tookVector(end, VECTOR_PAGE_FAULT) : end.kind === 'end'),
  },
  {
    id: 'emulator',
    title: "emulator: it reads an instruction's operand (outsb)",
    guest: { cpl: 0, code: OUTSB, apic: 'no-hlt-exits', registers: { rsi: addresses.page } },
    worked: (end) => end.kind === 'exit' && end.exit.kind === 'io',
  },
];
