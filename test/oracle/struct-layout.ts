/** What distribution headers do not say: layouts of newer structures, by the System V x86-64 rules: every member at its natural alignment. */

/** One member, or an array of them. */
export interface Place {
  readonly offset: number;
  readonly size: number;
}
/** Size of a structure and the places of its members. */
export interface Layout {
  readonly size: number;
  readonly fields: Readonly<Record<string, Place>>;
}

const SIZES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;
type Scalar = keyof typeof SIZES;
/** `['pad', 'u64', 13]` is `__u64 pad[13]`. */
type Member = readonly [name: string, type: Scalar, count?: number];

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

function layOut(members: readonly Member[]): Layout {
  const fields: Record<string, Place> = {};
  let end = 0;
  let alignment = 1;
  for (const [name, type, count = 1] of members) {
    const size = SIZES[type];
    const offset = roundUp(end, size);
    fields[name] = { offset, size: size * count };
    end = offset + size * count;
    alignment = Math.max(alignment, size);
  }
  return { size: roundUp(end, alignment), fields };
}

/** The layout with its first `words` 64-bit words as a member of their own too. */
function withMember(name: string, words: number, layout: Layout): Layout {
  return { size: layout.size, fields: { ...layout.fields, [name]: { offset: 0, size: words * SIZES.u64 } } };
}

/** Where the union of exit data begins in struct kvm_run. */
const KVM_RUN_EXIT = 32;

/** Fields that newer kernels added to structures that every header has, by "struct.field". */
export const newerFields: Readonly<Partial<Record<string, Place>>> = {
  // Linux 6.4 gave the old `longmode` a wider name.
  'kvm_run.hypercall.flags': { offset: KVM_RUN_EXIT + 64, size: 8 },
  // Linux 6.8.
  'kvm_run.memory_fault.flags': { offset: KVM_RUN_EXIT, size: 8 },
  'kvm_run.memory_fault.gpa': { offset: KVM_RUN_EXIT + 8, size: 8 },
  'kvm_run.memory_fault.size': { offset: KVM_RUN_EXIT + 16, size: 8 },
};

/** C's name of fields whose union the addon leaves out of theirs, by "struct.field". */
export const nameInC: Readonly<Partial<Record<string, string>>> = {
  'kvm_irq_routing_entry.msi': 'u',
  'kvm_irq_routing_entry.msi.address_lo': 'u.msi.address_lo',
  'kvm_irq_routing_entry.msi.address_hi': 'u.msi.address_hi',
  'kvm_irq_routing_entry.msi.data': 'u.msi.data',
  'kvm_irq_routing_entry.msi.devid': 'u.msi.devid',
  'uffd_msg.arg.pagefault.ptid': 'arg.pagefault.feat.ptid',
};

/** Structures that are newer than the headers of the oldest distribution we build on, from api.rst and userfaultfd's documentation. */
export const newerLayouts: Readonly<Partial<Record<string, Layout>>> = {
  // Linux 6.8. `userfault_bitmap` is the proposals' use of the first padding word.
  kvm_userspace_memory_region2: layOut([
    ['slot', 'u32'], ['flags', 'u32'], ['guest_phys_addr', 'u64'], ['memory_size', 'u64'], ['userspace_addr', 'u64'],
    ['guest_memfd_offset', 'u64'], ['guest_memfd', 'u32'], ['pad1', 'u32'], ['userfault_bitmap', 'u64'], ['pad2', 'u64', 13],
  ]),
  // Linux 6.8.
  kvm_create_guest_memfd: layOut([['size', 'u64'], ['flags', 'u64'], ['reserved', 'u64', 6]]),
  kvm_memory_attributes: layOut([['address', 'u64'], ['size', 'u64'], ['attributes', 'u64'], ['flags', 'u64']]),
  // Linux 6.6.
  uffdio_poison: withMember('range', 2, layOut([['range.start', 'u64'], ['range.len', 'u64'], ['mode', 'u64'], ['updated', 'u64']])),
  // Of proposals: no kernel's header has them.
  kvm_async_pf_user_ready: layOut([['token', 'u32']]),
  kvm_async_pf_req: layOut([['gpa', 'u64'], ['op', 'u32'], ['flags', 'u32'], ['reserved[0]', 'u64'], ['reserved[1]', 'u64']]),
  kvm_userfault_ready: layOut([['gpa', 'u64'], ['flags', 'u64']]),
  // Linux 6.8.
  uffdio_move: layOut([['dst', 'u64'], ['src', 'u64'], ['len', 'u64'], ['mode', 'u64'], ['move', 'u64']]),
};
