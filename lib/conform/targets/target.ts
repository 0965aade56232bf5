/** The two targets: the running kernel's own interface, and a model of it on the running kernel. */
import { spawnSync } from 'node:child_process';
import type { Kvm } from '../../kvm/index.js';
import { OtherThread } from '../other-thread/index.js';
import type { ConformanceTarget, ConformanceVm, Need, VmOptions } from '../vm.js';
import { faultsAtCpl0 } from './cpl0-faults.js';
import { EmulatedVm, type LoadedProfile } from './emulated/emulated-vm.js';
import { NativeVm, guestMemfdVmType } from './native/native-vm.js';

const CPL0 = 'KVM emulates the guest\'s CPL0 on this host, so that its accesses are no faults';

/** A model plays the proposal; the guest, its exits and its events are real. */
export class EmulatedTarget implements ConformanceTarget {
  readonly kind = 'emulated';
  private readonly thread = new OtherThread();

  constructor(
    private readonly kvm: Kvm,
    private readonly loaded: LoadedProfile,
  ) {}

  lacks(need: Need): string | undefined {
    if (need === 'cpl0-faults') return faultsAtCpl0(this.kvm) ? undefined : CPL0;
    return need === 'guest-memfd' ? 'the emulation makes pages missing in host memory, and guest_memfd has none' : undefined;
  }

  createVm(options: VmOptions = {}): ConformanceVm {
    return new EmulatedVm(this.kvm, this.loaded, this.thread, options);
  }

  async close(): Promise<void> {
    await this.thread.close();
  }
}

/** The kernel itself. */
export class NativeTarget implements ConformanceTarget {
  readonly kind = 'native';
  private readonly thread = new OtherThread();

  constructor(
    private readonly kvm: Kvm,
    private readonly loaded: LoadedProfile,
  ) {}

  lacks(need: Need): string | undefined {
    switch (need) {
      case 'cpl0-faults':
        return faultsAtCpl0(this.kvm) ? undefined : CPL0;
      case 'pre-fault':
        if (this.kvm.checkExtension('PRE_FAULT_MEMORY') <= 0) return 'this kernel has no KVM_PRE_FAULT_MEMORY';
        return this.loaded.profile.name === 'stock' ? 'the call would keep this thread for good' : undefined;
      case 'guest-memfd':
        return guestMemfdVmType(this.kvm) === undefined ? 'this kernel has no guest_memfd' : undefined;
      case 'other-process':
        return spawnSync('python3', ['-c', ''], { stdio: 'ignore' }).status === 0 ? undefined : 'there is no python3 to make the call from';
      case 'reset':
        return undefined;
    }
  }

  createVm(options: VmOptions = {}): ConformanceVm {
    return new NativeVm(this.kvm, this.loaded.profile, this.thread, options);
  }

  async close(): Promise<void> {
    await this.thread.close();
  }
}
