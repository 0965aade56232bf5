/** Whether the CPU walks the guest's page tables itself, or KVM keeps shadows of them. */
import type { Probe, ProbeGroup } from '../probe.js';
import { TinyGuest, addresses, describeEnd } from '../tiny-guest/index.js';

const INVLPG = [0x0f, 0x01, 0x3b]; // invlpg [rbx]
const COUNT = 4;

/** With two stages of translation INVLPG is no business of KVM's; for shadow page tables it must see every one, and counts them. */
const translation: Probe = {
  id: 'paging-translation',
  title: "guest's page tables",
  find: ({ kvm }) =>
    TinyGuest.with(kvm, { cpl: 0, code: Array.from({ length: COUNT }, () => INVLPG).flat(), registers: { rbx: addresses.userData } }, (guest) => {
      const before = guest.statistic('invlpg');
      if (before === undefined) return { cannot: 'KVM does not count INVLPG here (no KVM_CAP_BINARY_STATS_FD)' };
      const end = guest.run();
      if (end.kind !== 'end') return { cannot: `INVLPG did not run: ${describeEnd(end)}` };
      const seen = (guest.statistic('invlpg') ?? 0) - before;
      if (seen === 0) return { answer: 'walked by the CPU (nested paging)' };
      return seen === COUNT ? { answer: 'shadowed by KVM' } : { cannot: `KVM saw ${seen} of ${COUNT} INVLPG` };
    }),
};

/** See the module's comment. */
export const paging: ProbeGroup = { id: 'paging', title: 'Address translation', probes: [translation] };
