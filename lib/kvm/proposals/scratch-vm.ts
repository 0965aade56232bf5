import { nativeAddon, type NativeMapping } from '../../native/index.js';
import { iow, ioctls, KVMIO, kvmUserspaceMemoryRegion2Layout, MAP_NORESERVE, PAGE_SIZE, PROT_READ, PROT_WRITE, StructView, type StructLayout } from '../../uapi/index.js';
import { kvmUserspaceMemoryRegion2UserfaultLayout } from '../../uapi/proposals/index.js';
import type { Kvm } from '../kvm.js';
import type { Vcpu } from '../vcpu.js';
import type { Vm } from '../vm.js';
import { errnoOf } from './errno-of.js';

/** An address of the kernel's half, which no process can have: KVM refuses it as a pointer before it looks at what is there. */
export const KERNEL_ADDRESS = 0xffff_8000_0000_0000n;

/** Where the scratch slot is in the guest: nowhere near what KVM places by itself. */
const SCRATCH_GPA = 0x1_0000_0000n;

/** A memslot to try. */
export interface SlotTrial {
  readonly flags: number;
  /** hva of the bitmap. */
  readonly bitmap: bigint;
}

/**
 * A VM with one vCPU that never runs, to ask a kernel what it has. Whatever an unknown kernel takes a question for, it happens to this VM,
 * which is gone afterwards.
 */
export class ScratchVm {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  /** hva of memory that is large enough for every bitmap tried. */
  readonly goodBitmap: bigint;
  private readonly memory: NativeMapping;
  private slots = 0;

  /** Throws FaultLabError where no VM can be made. */
  constructor(kvm: Kvm) {
    this.vm = kvm.createVm();
    try {
      // Proposals build on a local APIC in the kernel; one that has none is asked all the same.
      errnoOf(() => {
        this.vm.enableSplitIrqchip();
      });
      this.vcpu = this.vm.createVcpu(0);
      this.memory = nativeAddon().Mapping.anonymous(2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    } catch (error) {
      this.vm.close();
      throw error;
    }
    this.goodBitmap = this.memory.hva + BigInt(PAGE_SIZE);
  }

  /** KVM_SET_USER_MEMORY_REGION2 for a slot of one page that was not there before: 0 or the errno. The slot is deleted again. */
  trySlot({ flags, bitmap }: SlotTrial): number {
    const region = struct(kvmUserspaceMemoryRegion2Layout);
    const slot = this.slots++;
    region.setNumber('slot', slot);
    region.setNumber('flags', flags);
    region.set('guest_phys_addr', SCRATCH_GPA);
    region.setNumber('memory_size', PAGE_SIZE);
    region.set('userspace_addr', this.memory.hva);
    new StructView(kvmUserspaceMemoryRegion2UserfaultLayout, new DataView(region.bytes().buffer)).set('userfault_bitmap', bitmap);
    const errno = errnoOf(() => this.vm.ioctl(ioctls.KVM_SET_USER_MEMORY_REGION2, region.bytes()));
    if (errno === 0) {
      region.setNumber('memory_size', 0);
      region.setNumber('flags', 0);
      this.vm.ioctl(ioctls.KVM_SET_USER_MEMORY_REGION2, region.bytes());
    }
    return errno;
  }

  /** What a vCPU request fails with when its argument cannot be read: EFAULT from a kernel that knows it. The errno. */
  unreadable(request: number): number {
    return Math.abs(this.vcpu.native.ioctlUnreadable(request));
  }

  /** A vCPU request: 0 or the errno. */
  tryVcpu(request: number, argument: Uint8Array): number {
    return errnoOf(() => this.vcpu.ioctl(request, argument));
  }

  /** KVM_ENABLE_CAP on the vCPU: 0 or the errno. */
  tryEnableCap(capability: number, args: readonly bigint[]): number {
    return errnoOf(() => this.vcpu.enableCap(capability, 0, args));
  }

  /** Capability numbers that this project does not know and that the VM answers: among them are a patched kernel's. */
  unknownCapabilities(known: ReadonlySet<number>): { readonly number: number; readonly value: number }[] {
    const found = [];
    for (let number = FIRST_RECENT_CAPABILITY; number < END_OF_RECENT_CAPABILITIES; number++) {
      const value = known.has(number) ? 0 : this.vm.checkExtension(number);
      if (value > 0) found.push({ number, value });
    }
    return found;
  }

  /** Gives everything back. */
  close(): void {
    this.vcpu.close();
    this.vm.close();
    this.memory.close();
  }
}

/** Numbers that were given out since Linux 6.8, and those that will be for some years. */
const FIRST_RECENT_CAPABILITY = 231;
const END_OF_RECENT_CAPABILITIES = 300;

/** A zeroed structure. */
export function struct<Field extends string>(layout: StructLayout<Field>): StructView<Field> {
  return new StructView(layout, new DataView(new ArrayBuffer(layout.size)));
}

/** A vCPU request as a proposal would number it. */
export function vcpuRequest(number: number, sizeBytes: number): number {
  return iow(KVMIO, number, sizeBytes);
}
