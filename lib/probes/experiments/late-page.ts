/** Whose thread waits for a page behind userfaultfd: the vCPU's, or a worker that KVM started while it halted the vCPU. */
import { existsSync } from 'node:fs';
import { nativeAddon } from '../../native/index.js';
import { PAGE_SIZE, PROT_READ, PROT_WRITE, UFFDIO_REGISTER_MODE_MISSING, uffdFeatures } from '../../uapi/index.js';
import type { FaultingThread } from '../helper/index.js';
import type { Finding, Probe, ProbeContext, ProbeGroup } from '../probe.js';
import { APIC_TITLES, TinyGuest, addresses, describeEnd, type ApicKind } from '../tiny-guest/index.js';

interface State {
  readonly cpl: 0 | 3;
  readonly interrupts: boolean;
  readonly apic: ApicKind;
}

const LOAD = [0x8a, 0x03]; // mov al,[rbx]
/** A slice that ends during the wait would let the guest take its interrupts: far longer than the page needs. */
const SLICE_NS = 2e9;

const STATES: readonly State[] = ([3, 0] as const).flatMap((cpl) =>
  (['in-kernel', 'no-hlt-exits'] as const).flatMap((apic) => [true, false].map((interrupts): State => ({ cpl, interrupts, apic }))),
);

/** A worker of the kernel is in no process, and its id may not even be visible here. */
function whose({ threadId }: FaultingThread, vcpuThreadId: number): string {
  if (threadId === vcpuThreadId) return "the vCPU's thread";
  return existsSync(`/proc/self/task/${threadId}`) ? 'another thread of the VMM' : 'a thread of the kernel';
}

async function tryAccess({ kvm, helper }: ProbeContext, { cpl, interrupts, apic }: State): Promise<Finding> {
  const { Mapping, Userfaultfd } = nativeAddon();
  const uffd = new Userfaultfd(uffdFeatures.THREAD_ID);
  const page = Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE);
  try {
    uffd.register(page, 0, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
    const thread = await helper();
    return await TinyGuest.with(kvm, { cpl, interrupts, apic, page, code: LOAD, registers: { rbx: addresses.page }, sliceNs: SLICE_NS }, async (guest) => {
      const { result: end, faults } = await thread.serving(uffd, page, () => guest.run());
      if (end.kind !== 'end') return { answer: describeEnd(end) };
      if (faults.length === 0) return { cannot: 'the page came without a message of userfaultfd' };
      const answers = new Set(faults.map((fault) => whose(fault, guest.vcpu.threadId)));
      const names = [...new Set(faults.map(({ name }) => name).filter((name) => name !== ''))];
      return { answer: [...answers].join(', then '), ...(names.length === 0 ? {} : { detail: names.join(', ') }) };
    });
  } finally {
    page.close();
    uffd.close();
  }
}

function probeOf(state: State): Probe {
  const { cpl, interrupts, apic } = state;
  return {
    id: `late-cpl${cpl}-if${interrupts ? 1 : 0}-${apic}`,
    title: `CPL${cpl}, IF=${interrupts ? 1 : 0}, ${APIC_TITLES[apic]}`,
    find: (context) => tryAccess(context, state),
  };
}

/** See the module's comment. */
export const latePage: ProbeGroup = { id: 'late-page', title: 'Who waits for a page behind userfaultfd', probes: STATES.map(probeOf) };
