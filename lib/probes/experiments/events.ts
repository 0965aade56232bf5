/** Exceptions that a VMM injects into a guest at CPL3, and what its handler finds. */
import type { Kvm } from '../../kvm/index.js';
import { VECTOR_PAGE_FAULT, VECTOR_VIRTUALIZATION } from '../../uapi/index.js';
import type { Finding, Probe, ProbeGroup } from '../probe.js';
import { TinyGuest, describeEnd, type TinyGuestOptions } from '../tiny-guest/index.js';

const SPIN = [0xeb, 0xfe];
const VECTOR_NMI = 2;
const VECTOR_DOUBLE_FAULT = 8;
/** An error code and an address that no fault of this guest has by itself. */
const ERROR_CODE = 0x4;
const TOKEN = 0x7700_1000;

/** A machine check that the CPU could not correct, with an address (SDM vol. 3, 16.3.2). */
const MCE_BANK = 0;
const MCE_STATUS = (1n << 63n) | (1n << 61n) | (1n << 60n) | (1n << 58n);
const MCG_CAP = 1n;
const MCG_STATUS_IN_PROGRESS = 1n << 2n;

interface Injection {
  readonly id: string;
  readonly title: string;
  readonly vector: number;
  /** CR2 that the handler must find. */
  readonly cr2?: number;
  readonly options?: Partial<TinyGuestOptions>;
  readonly inject: (guest: TinyGuest) => void;
}

const INJECTIONS: readonly Injection[] = [
  {
    id: 'pf-payload',
    title: '#PF pending, its address as payload',
    vector: VECTOR_PAGE_FAULT,
    cr2: TOKEN,
    options: {
      prepareVm: (vm) => {
        vm.requireCapabilities(['EXCEPTION_PAYLOAD']);
        vm.enableCap('EXCEPTION_PAYLOAD', 0, [1n]);
      },
    },
    inject: ({ vcpu }) => {
      const events = vcpu.getEvents();
      events.pendException(VECTOR_PAGE_FAULT, ERROR_CODE, TOKEN, 0);
      vcpu.setEvents(events);
    },
  },
  {
    id: 'pf-cr2',
    title: '#PF injected, its address in sregs.cr2',
    vector: VECTOR_PAGE_FAULT,
    cr2: TOKEN,
    inject: ({ vcpu }) => {
      const sregs = vcpu.getSregs();
      sregs.setNumber('cr2', TOKEN);
      vcpu.setSregs(sregs);
      injectVector({ vcpu }, VECTOR_PAGE_FAULT, ERROR_CODE);
    },
  },
  { id: 've', title: '#VE injected', vector: VECTOR_VIRTUALIZATION, inject: (guest) => injectVector(guest, VECTOR_VIRTUALIZATION) },
  { id: 'df', title: '#DF injected', vector: VECTOR_DOUBLE_FAULT, inject: (guest) => injectVector(guest, VECTOR_DOUBLE_FAULT, 0) },
  { id: 'nmi', title: 'NMI by KVM_NMI', vector: VECTOR_NMI, inject: ({ vcpu }) => vcpu.nmi() },
  {
    id: 'mce',
    title: '#MC by KVM_X86_SET_MCE',
    vector: 18,
    inject: ({ vcpu }) => {
      vcpu.setupMce(MCG_CAP);
      vcpu.setMce({ status: MCE_STATUS, addr: 0n, misc: 0n, mcgStatus: MCG_STATUS_IN_PROGRESS, bank: MCE_BANK });
    },
  },
];

function injectVector({ vcpu }: Pick<TinyGuest, 'vcpu'>, vector: number, errorCode?: number): void {
  const events = vcpu.getEvents();
  events.injectException(vector, errorCode);
  vcpu.setEvents(events);
}

async function tryInjection(kvm: Kvm, { vector, cr2, options, inject }: Injection): Promise<Finding> {
  return TinyGuest.with(kvm, { cpl: 3, code: SPIN, ...options }, (guest) => {
    inject(guest);
    const end = guest.run();
    const words = describeEnd(end);
    if (end.kind !== 'trap' || end.trap.vector !== vector) return { answer: words };
    const cr2Words = cr2 === undefined ? '' : end.cr2 === BigInt(cr2) ? ', its address in CR2' : ', another address in CR2';
    return { answer: `${words}${cr2Words}${end.trap.stack === 'interrupt' ? ' on its interrupt stack' : ''}` };
  });
}

/** See the module's comment. */
export const events: ProbeGroup = {
  id: 'events',
  title: 'What the VMM can inject at CPL3',
  probes: INJECTIONS.map((injection): Probe => ({ id: `inject-${injection.id}`, title: injection.title, find: ({ kvm }) => tryInjection(kvm, injection) })),
};
