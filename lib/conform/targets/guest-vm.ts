/** The real VM below both targets: memory, LAPICs, vCPUs in long mode. */
import { guestCpuid } from '../../guest/index.js';
import type { Kvm, Vcpu, Vm } from '../../kvm/index.js';
import type { NativeMapping } from '../../native/index.js';
import { KVM_MP_STATE_RUNNABLE, KVM_X86_DISABLE_EXITS_HLT, MSR_X2APIC_SPURIOUS, PAGE_SIZE, gpa } from '../../uapi/index.js';
import { GuestMemory, GuestVcpu, WINDOW_GPA, WINDOW_PAGES, type RunHooks } from '../guest/index.js';

/** How a VM is made. */
export interface GuestVmOptions {
  readonly vcpus: number;
  readonly hltInGuest: boolean;
  /** KVM_VM_TYPE; 0 where left out. */
  readonly type?: number;
  /** Called before there is a vCPU. */
  readonly prepare?: (vm: Vm) => void;
}

/** Spurious vector 255, LAPIC enabled by software. */
const LAPIC_ENABLE = 0x1ffn;
const RAM_SLOT = 0;
/** Number of the memslot under test. */
export const WINDOW_SLOT = 1;

/** See the module's comment. */
export class GuestVm {
  readonly memory: GuestMemory;
  readonly vm: Vm;
  readonly vcpus: readonly Vcpu[];
  private readonly closers: (() => void)[] = [];

  /** @throws FaultLabError where KVM refuses something */
  constructor(kvm: Kvm, options: GuestVmOptions) {
    try {
      this.memory = new GuestMemory();
      this.closers.unshift(() => {
        this.memory.close();
      });
      this.vm = kvm.createVm(options.type);
      this.closers.unshift(() => {
        this.vm.close();
      });
      this.vm.enableSplitIrqchip();
      if (options.hltInGuest) this.vm.enableCap('X86_DISABLE_EXITS', 0, [BigInt(KVM_X86_DISABLE_EXITS_HLT)]);
      options.prepare?.(this.vm);
      const { ram } = this.memory;
      this.vm.createMemorySlot({ slot: RAM_SLOT, gpa: gpa(0), sizeBytes: ram.sizeBytes, mapping: ram.mapping });
      const supported = kvm.supportedCpuid();
      this.vcpus = Array.from({ length: options.vcpus }, (_, id) => {
        const vcpu = this.vm.createVcpu(id);
        this.closers.unshift(() => {
          vcpu.close();
        });
        vcpu.setCpuid(guestCpuid(supported, id, true));
        // All but the first wait for a start-up message otherwise.
        vcpu.setMpState(KVM_MP_STATE_RUNNABLE);
        return vcpu;
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The guest's end of a vCPU, ready to take interrupts. */
  guest(index: number, hooks: RunHooks): GuestVcpu {
    const guest = new GuestVcpu(this.vcpus[index], this.memory, hooks);
    guest.beginLoop();
    this.enableLapic(index);
    return guest;
  }

  /** Enables a vCPU's LAPIC by software, as it is not after a reset. */
  enableLapic(index: number): void {
    this.vcpus[index].setMsr(MSR_X2APIC_SPURIOUS, LAPIC_ENABLE);
  }

  /** The window's memslot, as all targets describe it. */
  static window(mapping: NativeMapping): { slot: number; gpa: ReturnType<typeof gpa>; sizeBytes: number; mapping: NativeMapping } {
    return { slot: WINDOW_SLOT, gpa: gpa(WINDOW_GPA), sizeBytes: WINDOW_PAGES * PAGE_SIZE, mapping };
  }

  /** Gives everything back. */
  close(): void {
    for (const close of this.closers.splice(0)) close();
  }
}

/** gpa of a page of the window. */
export function windowGpa(page: number): number {
  return WINDOW_GPA + page * PAGE_SIZE;
}
