/** Host memory, one page, that fails an access of KVM's, each kind in its own way; and memory that does not. */
import { nativeAddon, type NativeHandle, type NativeMapping, type NativeUserfaultfd } from '../../native/index.js';
import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE, UFFDIO_REGISTER_MODE_MISSING, uffdFeatures } from '../../uapi/index.js';

/** A kind of memory. */
export interface Backing {
  readonly id: string;
  readonly title: string;
  /** Makes it; the mapping comes first, all are closed afterwards. Throws what the host refuses. */
  readonly make: () => readonly [NativeMapping, ...NativeHandle[]];
}

/** Anonymous memory registered with a userfaultfd that has `features`. */
export function userfaultfdPage(features: bigint): readonly [NativeMapping, NativeUserfaultfd] {
  const { Mapping, Userfaultfd } = nativeAddon();
  const uffd = new Userfaultfd(features);
  const mapping = Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE);
  uffd.register(mapping, 0, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
  return [mapping, uffd];
}

/** Memory that is there. */
export const PRESENT: Backing = { id: 'present', title: 'memory that is there', make: () => [nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE)] };

/** Memory whose page can never be had. */
export const FAILING: readonly Backing[] = [
  { id: 'sigbus', title: 'SIGBUS userfaultfd', make: () => userfaultfdPage(uffdFeatures.SIGBUS) },
  {
    id: 'truncated',
    title: 'truncated memfd',
    make: (): readonly [NativeMapping, ...NativeHandle[]] => {
      const { File, Mapping } = nativeAddon();
      const file = File.memfd('kvm-faultlab-experiment', PAGE_SIZE);
      const mapping = Mapping.ofFile(file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE);
      file.ftruncate(0);
      return [mapping, file];
    },
  },
  { id: 'prot-none', title: 'PROT_NONE', make: () => [nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_NONE)] },
  {
    id: 'poison',
    title: 'UFFDIO_POISON',
    make: (): readonly [NativeMapping, ...NativeHandle[]] => {
      const [mapping, uffd] = userfaultfdPage(uffdFeatures.POISON);
      const poisoned = uffd.poison(mapping, 0, PAGE_SIZE, 0);
      if (poisoned === PAGE_SIZE) return [mapping, uffd];
      for (const handle of [mapping, uffd]) handle.close();
      throw new Error(`UFFDIO_POISON returned ${poisoned}`);
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

/** Runs `body` with the memory, then lets go of it. */
export async function withBacking<T>({ make }: Backing, body: (page: NativeMapping) => Promise<T>): Promise<T> {
  const [page, ...others] = make();
  try {
    return await body(page);
  } finally {
    for (const handle of others) handle.close();
    retire(page);
  }
}
