/** An interrupt handler for the probes' tiny guest that notes when it ran, and the way from the guest's TSC to the host's clock. */
import { nativeAddon } from '../../native/index.js';
import { addresses, type TinyGuest } from '../../probes/index.js';
import { MSR_IA32_TSC, MSR_X2APIC_EOI, MSR_X2APIC_SPURIOUS } from '../../uapi/index.js';
import { increment, placeHandler, word, writeMsr } from './handlers.js';

/** Vector to be raised. */
export const CLOCK_VECTOR = 0x51;

/** Behind what an async page fault guest keeps there. */
const TIME = addresses.kernelData + 0x100;
const COUNT = addresses.kernelData + 0x108;
/** Behind that guest's handlers. */
const HANDLER = addresses.kernelCode + 0xc00;
const SPURIOUS_VECTOR_AND_ENABLE = 0x1ffn;

/** push rax, rcx, rdx; rdtsc; note both halves; count; EOI; pop; iretq. */
const CODE = [
  0x50, 0x51, 0x52,
  0x0f, 0x31,
  0x89, 0x04, 0x25, ...word(TIME),
  0x89, 0x14, 0x25, ...word(TIME + 4),
  ...increment(COUNT),
  ...writeMsr(MSR_X2APIC_EOI, 0),
  0x5a, 0x59, 0x58,
  0x48, 0xcf,
];

/** See the module's comment. The guest needs an APIC in KVM. */
export class InterruptClock {
  private readonly tscPerNs: number;
  private baseTsc = 0n;
  private baseNs = 0;

  /** Installs the handler. */
  constructor(private readonly guest: TinyGuest) {
    placeHandler(guest, CLOCK_VECTOR, HANDLER, () => CODE);
    this.tscPerNs = guest.vcpu.tscKhz() / 1e6;
  }

  /** Before a run: forgets what was noted, makes the vCPU take interrupts, sets both clocks beside each other. */
  start(): void {
    const { vcpu, memory } = this.guest;
    vcpu.setMsr(MSR_X2APIC_SPURIOUS, SPURIOUS_VECTOR_AND_ENABLE);
    memory.ram.data.setBigUint64(COUNT, 0n, true);
    this.baseNs = nativeAddon().monotonicNs();
    this.baseTsc = vcpu.getMsr(MSR_IA32_TSC);
  }

  /** When the last interrupt was handled, CLOCK_MONOTONIC ns; null where none was. */
  handledAtNs(): number | null {
    const { data } = this.guest.memory.ram;
    if (data.getBigUint64(COUNT, true) === 0n) return null;
    return this.baseNs + Number(data.getBigUint64(TIME, true) - this.baseTsc) / this.tscPerNs;
  }
}
