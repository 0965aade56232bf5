import { attempt } from '../errors/index.js';
import { nativeAddon } from '../native/index.js';
import type { NativeEventFd, NativeVm } from '../native/addon.js';
import { capabilityNumber, capabilityTitle, type CapabilityName, type Gpa } from '../uapi/index.js';
import { GuestMemfd } from './guest-memfd.js';
import { requireCapabilities, type CapabilityRequirement } from './capability.js';
import { MemorySlot, type MemorySlotOptions } from './memory-slot.js';
import type { Msi } from './msi.js';
import { Vcpu } from './vcpu.js';

/** A range of MSRs in a filter. Bit n of `bitmap` (byte n/8, bit n%8) allows MSR base + n. */
export interface MsrFilterRange {
  /** KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE: which accesses the bitmap is about. */
  readonly flags: number;
  readonly base: number;
  readonly count: number;
  readonly bitmap: Uint8Array;
}

/**
 * A virtual machine: memory slots, interrupt controller, vCPUs. Made by `Kvm.createVm` on one thread; the Workers that run
 * its vCPUs adopt it.
 */
export class Vm {
  readonly #native: NativeVm;

  /** @internal Vms come from `Kvm.createVm` and `Vm.adopt`. */
  constructor(native: NativeVm) {
    this.#native = native;
  }

  /** A handle of this thread's own to the VM behind `share`. Throws FaultLabError `BAD_SHARE`. */
  static adopt(share: number): Vm {
    return new Vm(attempt(`adopt VM ${share}`, () => nativeAddon().Vm.adopt(share)));
  }

  /** The native handle: for what has no method here. */
  get native(): NativeVm {
    return this.#native;
  }
  get closed(): boolean {
    return this.#native.closed;
  }
  /** A process-wide number for `Vm.adopt` in a Worker. */
  share(): number {
    return this.#native.share();
  }
  /** Releases this handle; the VM lives until its last handle and vCPU are closed. Idempotent. */
  close(): void {
    this.#native.close();
  }

  /** KVM_CHECK_EXTENSION on the VM: may differ from what /dev/kvm says, and is the one that counts. 0 where absent. */
  checkExtension(capability: CapabilityName | number): number {
    return attempt(`check ${capabilityTitle(capability)}`, () => this.#native.checkExtension(capabilityNumber(capability)));
  }
  /** Throws FaultLabError `CAP_MISSING` naming each capability that is absent. */
  requireCapabilities(requirements: readonly CapabilityRequirement[]): void {
    requireCapabilities('this VM', (capability) => this.checkExtension(capability), requirements);
  }
  /** KVM_ENABLE_CAP on the VM. */
  enableCap(capability: CapabilityName | number, flags = 0, args: readonly bigint[] = []): number {
    return attempt(`enable ${capabilityTitle(capability)}`, () => this.#native.enableCap(capabilityNumber(capability), flags, args));
  }

  /** KVM_CREATE_VCPU on the calling thread, which must be the one that runs it. */
  createVcpu(id: number): Vcpu {
    return new Vcpu(attempt(`create vCPU ${id}`, () => this.#native.createVcpu(id)));
  }
  /** Gives the guest memory. Throws FaultLabError: `BAD_ARGUMENT`, `KVM_EEXIST` where slots overlap, ... */
  createMemorySlot(options: MemorySlotOptions): MemorySlot {
    return new MemorySlot(this.#native, options);
  }
  /**
   * KVM_CREATE_GUEST_MEMFD; `flags` is GUEST_MEMFD_FLAG_*. Throws FaultLabError: `KVM_EINVAL` where this type of VM has none (KVM_CAP_GUEST_MEMFD)
   * or not with these flags (KVM_CAP_GUEST_MEMFD_FLAGS).
   */
  createGuestMemfd(sizeBytes: number, flags = 0): GuestMemfd {
    return new GuestMemfd(attempt(`create a guest_memfd of ${sizeBytes} bytes with flags 0x${flags.toString(16)}`, () => this.#native.createGuestMemfd(sizeBytes, flags)));
  }
  /**
   * KVM_SET_MEMORY_ATTRIBUTES: replaces the attributes (KVM_MEMORY_ATTRIBUTE_*) of a range, in whole pages, with or without a slot there. Throws
   * FaultLabError `KVM_EINVAL` where this VM lacks one of them: KVM_CAP_MEMORY_ATTRIBUTES is the mask of those it has.
   */
  setMemoryAttributes(gpa: Gpa, sizeBytes: number, attributes: number): void {
    attempt(`set memory attributes 0x${attributes.toString(16)}`, () => this.#native.setMemoryAttributes(gpa, sizeBytes, attributes));
  }

  /** KVM_CAP_SPLIT_IRQCHIP: local APICs in the kernel, the I/O APIC (with `ioapicPins` pins) in user space. Before any vCPU. */
  enableSplitIrqchip(ioapicPins = 24): void {
    attempt('enable the split irqchip', () => this.#native.enableSplitIrqchip(ioapicPins));
  }
  /** KVM_SET_TSS_ADDR: three pages of gpa that VMX hosts without unrestricted guest need. */
  setTssAddr(gpa: number): void {
    attempt('set the TSS address', () => this.#native.setTssAddr(gpa));
  }
  /** KVM_SET_IDENTITY_MAP_ADDR: one page of gpa, likewise. */
  setIdentityMapAddr(gpa: bigint): void {
    attempt('set the identity map address', () => this.#native.setIdentityMapAddr(gpa));
  }
  /** KVM_X86_SET_MSR_FILTER; `flags` is KVM_MSR_FILTER_DEFAULT_*. What a filter denies exits once KVM_CAP_X86_USER_SPACE_MSR is enabled. */
  setMsrFilter(flags: number, ranges: readonly MsrFilterRange[]): void {
    attempt('set the MSR filter', () => this.#native.setMsrFilter(flags, ranges));
  }

  /** KVM_SIGNAL_MSI, from any thread: above 0 delivered, 0 blocked by the guest, or a negative errno. */
  signalMsi(msi: Msi): number {
    return this.#native.signalMsi(msi.addressLow, msi.addressHigh, msi.data);
  }
  /** KVM_IRQFD: signalling `event` raises `gsi`. */
  assignIrqfd(event: NativeEventFd, gsi: number): void {
    attempt(`attach an eventfd to GSI ${gsi}`, () => this.#native.irqfd(event, gsi, 0));
  }
  /** Undoes `assignIrqfd`. */
  deassignIrqfd(event: NativeEventFd, gsi: number): void {
    attempt(`detach an eventfd from GSI ${gsi}`, () => this.#native.irqfd(event, gsi, 1));
  }
  /** KVM_SET_GSI_ROUTING: replaces all routes. */
  setMsiRoutes(routes: readonly (Msi & { readonly gsi: number })[]): void {
    attempt(`route ${routes.length} interrupts`, () => this.#native.setMsiRoutes(routes));
  }
  /** An ioctl on the VM by its request number; `argument` is a number, or a buffer that the kernel reads and writes. */
  ioctl(request: number, argument?: number | Uint8Array): number {
    return attempt(`make ioctl 0x${request.toString(16)} on the VM`, () => this.#native.ioctl(request, argument));
  }
}
