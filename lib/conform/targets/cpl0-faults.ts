/** Whether a fault at CPL0 reaches KVM's fault handling: not where KVM emulates the instructions of the guest's kernel. */
import type { Kvm } from '../../kvm/index.js';
import type { GuestStop, RunHooks } from '../guest/index.js';
import { NativeMemory } from './native/native-memory.js';
import { GuestVm } from './guest-vm.js';

let answer: boolean | undefined;

/** Lets a guest at CPL0 touch a page that cannot be had: a fault fails with EFAULT. Asked once a process. */
export function faultsAtCpl0(kvm: Kvm): boolean {
  return (answer ??= ask(kvm));
}

function ask(kvm: Kvm): boolean {
  const base = new GuestVm(kvm, { vcpus: 1, hltInGuest: true });
  const memory = new NativeMemory();
  try {
    memory.setHostPage(0, 'fails');
    base.vm.createMemorySlot(GuestVm.window(memory.mapping));
    const guest = base.guest(0, new Hooks());
    guest.begin({ kind: 'load', page: 0, cpl: 0, interrupts: false });
    return guest.run().kind === 'bareEfault';
  } finally {
    base.close();
    memory.close();
  }
}

class Hooks implements RunHooks {
  beforeEntry(): void {
    // Nothing to do.
  }

  afterExit(): void {
    // Nothing to do.
  }

  /** Some kernels say where it was, which is no matter here. */
  fault(): GuestStop {
    return { kind: 'bareEfault', exitReason: 0 };
  }

  writeMsr(): boolean {
    return false;
  }

  readMsr(): null {
    return null;
  }

  mayMove(): boolean {
    return true;
  }
}
