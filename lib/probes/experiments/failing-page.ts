/** How the VMM learns of an access that the host cannot serve: each backing that fails, from each state the guest may be in. */
import type { Kvm } from '../../kvm/index.js';
import { nativeAddon, type NativeHandle, type NativeMapping } from '../../native/index.js';
import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE, UFFDIO_REGISTER_MODE_MISSING, uffdFeatures } from '../../uapi/index.js';
import type { Finding, Probe, ProbeGroup } from '../probe.js';
import { APIC_TITLES, TinyGuest, addresses, describeEnd, type ApicKind, type GuestEnd } from '../tiny-guest/index.js';

/** Host memory whose one page can never be had. */
interface Backing {
  readonly id: string;
  readonly title: string;
  /** The mapping comes first; all are closed afterwards. */
  readonly make: () => readonly [NativeMapping, ...NativeHandle[]];
}

const BACKINGS: readonly Backing[] = [
  {
    id: 'sigbus',
    title: 'SIGBUS userfaultfd',
    make: () => {
      const { Mapping, Userfaultfd } = nativeAddon();
      const uffd = new Userfaultfd(uffdFeatures.SIGBUS);
      const mapping = Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE);
      uffd.register(mapping, 0, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
      return [mapping, uffd];
    },
  },
  { id: 'prot-none', title: 'PROT_NONE', make: () => [nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_NONE)] },
  {
    id: 'truncated',
    title: 'truncated memfd',
    make: () => {
      const { File, Mapping } = nativeAddon();
      const file = File.memfd('kvm-faultlab-probe', PAGE_SIZE);
      const mapping = Mapping.ofFile(file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE);
      file.ftruncate(0);
      return [mapping, file];
    },
  },
];

const LOAD = { id: '', title: '', code: [0x8a, 0x03] }; // mov al,[rbx]
const STORE = { id: '-store', title: ' store', code: [0x88, 0x03] }; // mov [rbx],al
const FETCH = { id: '-fetch', title: ' fetch', code: [0xff, 0xe3] }; // jmp rbx

/** The guest's state at the access. */
interface State {
  readonly cpl: 0 | 3;
  readonly interrupts: boolean;
  readonly apic: ApicKind;
  readonly access: typeof LOAD;
}

/** A load in each state in which hosts may take another way: with and without leave to halt the vCPU, and where it takes no interrupts. */
const LOADS: readonly Omit<State, 'cpl'>[] = [
  { interrupts: true, apic: 'none', access: LOAD },
  { interrupts: true, apic: 'in-kernel', access: LOAD },
  { interrupts: false, apic: 'in-kernel', access: LOAD },
  { interrupts: true, apic: 'no-hlt-exits', access: LOAD },
];

const STATES: readonly State[] = [
  ...LOADS.map((load): State => ({ cpl: 3, ...load })),
  ...[STORE, FETCH].map((access): State => ({ cpl: 3, interrupts: true, apic: 'no-hlt-exits', access })),
  ...LOADS.map((load): State => ({ cpl: 0, ...load })),
];

/** The exit's address counts only where it is the page's. */
function describe(end: GuestEnd): Finding {
  const words = describeEnd(end);
  if (end.kind !== 'exit' || (end.exit.kind !== 'memoryFault' && end.exit.kind !== 'mmio')) return { answer: words };
  const { gpa } = end.exit;
  const page = gpa - (gpa % BigInt(PAGE_SIZE));
  return { answer: page === BigInt(addresses.page) ? `${words} with the gpa` : `${words} with another gpa`, detail: `gpa 0x${gpa.toString(16)}` };
}

async function tryAccess(kvm: Kvm, { make }: Backing, { cpl, interrupts, apic, access }: State): Promise<Finding> {
  const [page, ...others] = make();
  try {
    return await TinyGuest.with(kvm, { cpl, interrupts, apic, page, code: access.code, registers: { rbx: addresses.page } }, (guest) => describe(guest.run()));
  } finally {
    for (const handle of [page, ...others]) handle.close();
  }
}

function probeOf(backing: Backing, state: State): Probe {
  const { cpl, interrupts, apic, access } = state;
  return {
    id: `failing-${backing.id}-cpl${cpl}-if${interrupts ? 1 : 0}-${apic}${access.id}`,
    title: `CPL${cpl}${access.title}, IF=${interrupts ? 1 : 0}, ${APIC_TITLES[apic]}`,
    find: ({ kvm }) => tryAccess(kvm, backing, state),
  };
}

/** See the module's comment. One group for each backing. */
export const failingPages: readonly ProbeGroup[] = BACKINGS.map((backing) => ({
  id: `failing-${backing.id}`,
  title: `A page that cannot be had: ${backing.title}`,
  probes: STATES.map((state) => probeOf(backing, state)),
}));
