/** One access of KVM's own, with one kind of memory behind the page. */
import type { Kvm } from '../../kvm/index.js';
import { nativeAddon, type NativeMapping } from '../../native/index.js';
import { TinyGuest, describeEnd, type GuestEnd, type HelperThread } from '../../probes/index.js';
import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE, VECTOR_PAGE_FAULT, uffdFeatures } from '../../uapi/index.js';
import { retire, userfaultfdPage } from '../guests/backings.js';
import type { KernelAccess, PageReader } from './accesses.js';

/** Memory behind the page: there, behind a userfaultfd that somebody serves, or failing in one of two ways. */
export const MEMORIES = { present: 'there', userfaultfd: 'userfaultfd, served', sigbus: 'userfaultfd with SIGBUS', 'prot-none': 'PROT_NONE' } as const;

/** One of {@link MEMORIES}. */
export type Memory = keyof typeof MEMORIES;

/** What it came to. */
export interface AccessOutcome {
  readonly access: KernelAccess;
  readonly memory: Memory;
  /** How KVM_RUN ended, in words. */
  readonly end: string;
  /** The access was made and did what it is for. */
  readonly worked: boolean;
  /** KVM_RUN came back for the missing page: with EFAULT, or as MMIO. */
  readonly exited: boolean;
  /** The guest's handler got a #PF that nothing in its page tables explains. */
  readonly falseFault: boolean;
  /** The exit named the page. */
  readonly named: boolean;
  /** Who waited for the page; null for nobody. */
  readonly waited: string | null;
}

/** Guests that nothing comes for are given back after this. */
const LIMIT_MS = 150;
const SLICE_NS = 50e6;

/** Makes the access once. */
export async function tryKernelAccess(kvm: Kvm, helper: HelperThread, access: KernelAccess, memory: Memory): Promise<AccessOutcome> {
  const { page, uffd } = makePage(memory);
  try {
    return await TinyGuest.with(kvm, { ...access.guest, page, sliceNs: SLICE_NS, limitMs: LIMIT_MS }, async (guest) => {
      access.prepare?.(guest);
      if (memory === 'present' && access.contents !== undefined) page.write(0, access.contents(guest));
      if (memory !== 'userfaultfd' || uffd === null) return describe(access, memory, guest.run(), page, []);
      const { result, faults } = await helper.serving(uffd, page, () => guest.run());
      const whose = faults.map(({ threadId }) => (threadId === guest.vcpu.threadId ? "the vCPU's thread" : 'a thread of the kernel'));
      return describe(access, memory, result, page, [...new Set(whose)]);
    });
  } finally {
    if (uffd !== null) uffd.unregister(page, 0, PAGE_SIZE);
    uffd?.close();
    retire(page);
  }
}

function makePage(memory: Memory): { readonly page: NativeMapping; readonly uffd: ReturnType<typeof userfaultfdPage>[1] | null } {
  const { Mapping } = nativeAddon();
  switch (memory) {
    case 'present':
      return { page: Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE), uffd: null };
    case 'prot-none':
      return { page: Mapping.anonymous(PAGE_SIZE, PROT_NONE), uffd: null };
    case 'userfaultfd':
    case 'sigbus': {
      const [page, uffd] = userfaultfdPage(memory === 'sigbus' ? uffdFeatures.SIGBUS : uffdFeatures.THREAD_ID);
      return { page, uffd };
    }
  }
}

function describe(access: KernelAccess, memory: Memory, end: GuestEnd, page: NativeMapping, waited: readonly string[]): AccessOutcome {
  const exit = end.kind === 'exit' ? end.exit : null;
  return {
    access,
    memory,
    end: describeEnd(end),
    // Memory that fails was not written; a page that nobody asked for would be waited for.
    worked: access.worked(end, memory === 'present' || waited.length > 0 ? page : ZEROES, waited.length > 0),
    exited: exit !== null && (exit.kind === 'bareEfault' || exit.kind === 'memoryFault' || exit.kind === 'mmio'),
    falseFault: memory !== 'present' && waited.length === 0 && end.kind === 'trap' && end.trap.vector === VECTOR_PAGE_FAULT,
    named: exit !== null && (exit.kind === 'memoryFault' || exit.kind === 'mmio'),
    waited: waited.length === 0 ? null : waited.join(', '),
  };
}

/** Reads as a page that nobody wrote. */
const ZEROES: PageReader = { read: (_: number, into: Uint8Array) => into.fill(0) };
