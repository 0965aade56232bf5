/** What a round trip of a fault exit takes on this host: KVM_RUN fails with EFAULT and is entered again, and nothing else happens. */
import type { Kvm } from '../../kvm/index.js';
import { EFAULT } from '../../errors/index.js';
import { nativeAddon } from '../../native/index.js';
import { TinyGuest, addresses } from '../../probes/index.js';
import { uffdFeatures } from '../../uapi/index.js';
import { retire, userfaultfdPage } from '../guests/backings.js';

const LOAD = [0x8a, 0x03]; // mov al,[rbx]

/** Times of single round trips, ns; fewer than `count` where KVM_RUN once came back for something else. */
export async function faultExitNs(kvm: Kvm, count: number): Promise<number[]> {
  const [page, uffd] = userfaultfdPage(uffdFeatures.SIGBUS);
  const { monotonicNs } = nativeAddon();
  try {
    return await TinyGuest.with(kvm, { cpl: 3, code: LOAD, apic: 'no-hlt-exits', interrupts: true, registers: { rbx: addresses.page }, page }, ({ vcpu }) => {
      const times: number[] = [];
      for (let turn = 0; turn < count; turn++) {
        const startNs = monotonicNs();
        if (vcpu.run() === -EFAULT) times.push(monotonicNs() - startNs);
      }
      return times;
    });
  } finally {
    uffd.close();
    retire(page);
  }
}
