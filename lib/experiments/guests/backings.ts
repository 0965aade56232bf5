/** Memory behind one page of a guest that fails an access, each kind in its own way; and memory that does not. */
import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { FaultLabError } from '../../errors/index.js';
import type { Kvm, Vm } from '../../kvm/index.js';
import { nativeAddon, type NativeFile, type NativeHandle, type NativeMapping, type NativeUserfaultfd } from '../../native/index.js';
import type { PageMemory, TinyGuest } from '../../probes/index.js';
import { KVM_X86_DEFAULT_VM, MADV_HWPOISON, PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE, UFFDIO_REGISTER_MODE_MISSING, uffdFeatures } from '../../uapi/index.js';
import { refuseRealPoison } from './real-poison.js';

/** Memory of one page, made for one guest. */
export interface BackingMemory extends PageMemory {
  /** Closed behind the guest. Mappings are not: see {@link retire}. */
  readonly handles: readonly NativeHandle[];
  /** Makes the page one that cannot be had, where that takes a guest that is about to run. */
  readonly fail?: (guest: TinyGuest) => void;
}

/** A kind of memory. */
export interface Backing {
  readonly id: string;
  readonly title: string;
  /** Types of VM that can have it, the best first (`Kvm.vmTypes`); the default one where left out. */
  readonly vmTypes?: readonly number[];
  /** The access succeeds: what is lost is the contents. */
  readonly replaces?: true;
  /** Makes it. Throws what the host refuses, and `NO_SUCH_MEMORY` where there is none of the kind. */
  readonly make: (vm: Vm) => BackingMemory;
}

/** `ret`: what the page holds before anything happens to it, so that a guest can call it. */
export const CONTENTS = 0xc3;

const READ_WRITE = PROT_READ | PROT_WRITE;
/** An unnamed file: nothing is left behind, whatever happens (open(2)). */
const O_TMPFILE = 0x41_0000;

/** Anonymous memory registered with a userfaultfd that has `features`. */
export function userfaultfdPage(features: bigint): readonly [NativeMapping, NativeUserfaultfd] {
  const { Mapping, Userfaultfd } = nativeAddon();
  const uffd = new Userfaultfd(features);
  const mapping = Mapping.anonymous(PAGE_SIZE, READ_WRITE);
  uffd.register(mapping, 0, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
  return [mapping, uffd];
}

function anonymousPage(): NativeMapping {
  const mapping = nativeAddon().Mapping.anonymous(PAGE_SIZE, READ_WRITE);
  mapping.write(0, Uint8Array.of(CONTENTS));
  return mapping;
}

/** A page of a file that is cut off behind the mapping's back. */
function truncated(open: () => NativeFile): BackingMemory {
  const file = open();
  file.ftruncate(PAGE_SIZE);
  const mapping = nativeAddon().Mapping.ofFile(file, 0, PAGE_SIZE, READ_WRITE);
  mapping.write(0, Uint8Array.of(CONTENTS));
  file.ftruncate(0);
  return { mapping, handles: [file] };
}

/** Memory that is there. */
export const PRESENT: Backing = { id: 'present', title: 'memory that is there', make: () => ({ mapping: anonymousPage(), handles: [] }) };

/** Memory of the host's whose page can never be had. */
export const FAILING: readonly Backing[] = [
  {
    id: 'sigbus',
    title: 'SIGBUS userfaultfd',
    make: (): BackingMemory => {
      const [mapping, uffd] = userfaultfdPage(uffdFeatures.SIGBUS);
      return { mapping, handles: [uffd] };
    },
  },
  { id: 'truncated', title: 'truncated memfd', make: () => truncated(() => nativeAddon().File.memfd('kvm-faultlab-experiment', PAGE_SIZE)) },
  { id: 'truncated-file', title: 'truncated regular file', make: () => truncated(() => nativeAddon().File.open(tmpdir(), O_TMPFILE | constants.O_RDWR, 0o600)) },
  {
    id: 'munmap',
    title: 'munmap under the slot',
    make: (): BackingMemory => {
      const mapping = nativeAddon().Mapping.apart(PAGE_SIZE, READ_WRITE);
      mapping.write(0, Uint8Array.of(CONTENTS));
      return { mapping, handles: [], fail: () => { mapping.vacate(); } };
    },
  },
  { id: 'prot-none', title: 'PROT_NONE', make: () => ({ mapping: nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_NONE), handles: [] }) },
  {
    id: 'poison',
    title: 'UFFDIO_POISON',
    make: (): BackingMemory => {
      const [mapping, uffd] = userfaultfdPage(uffdFeatures.POISON);
      const poisoned = uffd.poison(mapping, 0, PAGE_SIZE, 0);
      if (poisoned === PAGE_SIZE) return { mapping, handles: [uffd] };
      for (const handle of [mapping, uffd]) handle.close();
      throw new FaultLabError('NO_SUCH_MEMORY', `UFFDIO_POISON returned ${poisoned}`);
    },
  },
  {
    id: 'hwpoison',
    title: 'poison by the hardware (MADV_HWPOISON)',
    make: (): BackingMemory => {
      refuseRealPoison();
      const mapping = anonymousPage();
      mapping.advise(0, PAGE_SIZE, MADV_HWPOISON);
      return { mapping, handles: [] };
    },
  },
];

/** Mappings that nobody uses any more. */
const retired: NativeMapping[] = [];

/**
 * In place of closing memory that a guest of this thread had. KVM's async page fault workers know a page by its host address alone, and
 * a VM whose run area was seen by JavaScript is gone only when the engine has collected that view: a worker may come late. It must not find
 * somebody else's userfaultfd at the address and wait there: closing the VM waits for it, without end and without heed to signals.
 */
export function retire(mapping: NativeMapping): void {
  retired.push(mapping);
}

/**
 * The type of VM for the memory.
 * @throws FaultLabError `NO_SUCH_MEMORY` where this KVM makes none that can have it
 */
export function vmTypeFor({ vmTypes = [KVM_X86_DEFAULT_VM] }: Backing, kvm: Kvm): number {
  const made = kvm.vmTypes();
  const type = vmTypes.find((wanted) => made.includes(wanted));
  if (type === undefined) throw new FaultLabError('NO_SUCH_MEMORY', `this KVM makes no VM of type ${vmTypes.join(' or ')} (KVM_CAP_VM_TYPES)`);
  return type;
}

/** Runs `body` with a way to make the memory, which lets go of what it made. */
export async function withBacking<T>({ make }: Backing, body: (makePage: (vm: Vm) => BackingMemory) => Promise<T>): Promise<T> {
  const made: BackingMemory[] = [];
  try {
    return await body((vm) => {
      const memory = make(vm);
      made.push(memory);
      return memory;
    });
  } finally {
    for (const { mapping, handles } of made) {
      for (const handle of handles) handle.close();
      if (mapping !== null) retire(mapping);
    }
  }
}
