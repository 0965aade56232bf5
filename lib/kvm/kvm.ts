import { attempt, FaultLabError } from '../errors/index.js';
import { nativeAddon } from '../native/index.js';
import type { NativeKvm } from '../native/addon.js';
import { capabilityNumber, capabilityTitle, decodeCpuid, KVM_X86_DEFAULT_VM, type CapabilityName, type CpuidEntry } from '../uapi/index.js';
import { requireCapabilities, type CapabilityRequirement } from './capability.js';
import { Vm } from './vm.js';

/** The API version of every kernel since 2.6.22; api.rst asks applications to refuse any other. */
export const KVM_API_VERSION = 12;

/** The KVM of this host: /dev/kvm, opened. */
export class Kvm {
  readonly #native: NativeKvm;

  private constructor(native: NativeKvm) {
    this.#native = native;
  }

  /**
   * Opens /dev/kvm (or `path`). Throws FaultLabError: `KVM_ENOENT` where there is none, `KVM_EACCES` without permission,
   * `KVM_API_VERSION` where something else answers, `ADDON_NOT_BUILT`.
   */
  static open(path = '/dev/kvm'): Kvm {
    const native = attempt(`open ${path}`, () => new (nativeAddon().Kvm)(path));
    try {
      const version = attempt(`ask ${path} for its API version`, () => native.apiVersion());
      if (version !== KVM_API_VERSION) throw new FaultLabError('KVM_API_VERSION', `${path} speaks KVM API version ${version}, not ${KVM_API_VERSION}`);
    } catch (error) {
      native.close();
      throw error;
    }
    return new Kvm(native);
  }

  /** The native handle: for what has no method here. */
  get native(): NativeKvm {
    return this.#native;
  }
  get closed(): boolean {
    return this.#native.closed;
  }
  /** Closes /dev/kvm; VMs made from it live on. Idempotent. */
  close(): void {
    this.#native.close();
  }

  /** KVM_GET_API_VERSION. */
  apiVersion(): number {
    return attempt('ask KVM for its API version', () => this.#native.apiVersion());
  }
  /** KVM_CHECK_EXTENSION on /dev/kvm: 0 where absent. Where a VM exists, ask it: its answer is the one that counts. */
  checkExtension(capability: CapabilityName | number): number {
    return attempt(`check ${capabilityTitle(capability)}`, () => this.#native.checkExtension(capabilityNumber(capability)));
  }
  /** Throws FaultLabError `CAP_MISSING` naming each capability that is absent. */
  requireCapabilities(requirements: readonly CapabilityRequirement[]): void {
    requireCapabilities('this host', (capability) => this.checkExtension(capability), requirements);
  }
  /** KVM_GET_SUPPORTED_CPUID: what a guest may be shown. A fresh array. */
  supportedCpuid(): CpuidEntry[] {
    return attempt('read the supported CPUID', () => decodeCpuid(this.#native.supportedCpuid()));
  }
  /** KVM_GET_MSR_INDEX_LIST. */
  msrIndexList(): Uint32Array {
    return attempt('list the MSRs', () => this.#native.msrIndexList());
  }
  /** KVM_GET_VCPU_MMAP_SIZE, in bytes. */
  vcpuMmapSizeBytes(): number {
    return attempt('ask KVM for the size of a run area', () => this.#native.vcpuMmapSizeBytes());
  }
  /** The types of VM there are (KVM_CAP_VM_TYPES): numbers for `createVm`. */
  vmTypes(): number[] {
    // Kernels before 6.8 have the default type and nothing to ask.
    const mask = Math.max(1, this.checkExtension('VM_TYPES'));
    return Array.from({ length: 32 }, (_, type) => type).filter((type) => (mask >>> type) % 2 === 1);
  }
  /**
   * KVM_CREATE_VM of a type: KVM_X86_DEFAULT_VM unless given. KVM_X86_SW_PROTECTED_VM makes one whose memory can be private, in a
   * guest_memfd, without any hardware for it. Throws FaultLabError `KVM_EINVAL` for a type that is not in `vmTypes`.
   */
  createVm(type: number = KVM_X86_DEFAULT_VM): Vm {
    return new Vm(attempt(`create a VM of type ${type}`, () => this.#native.createVm(type)));
  }
  /** An ioctl on /dev/kvm by its request number; `argument` is a number, or a buffer that the kernel reads and writes. */
  ioctl(request: number, argument?: number | Uint8Array): number {
    return attempt(`make ioctl 0x${request.toString(16)} on /dev/kvm`, () => this.#native.ioctl(request, argument));
  }
}
