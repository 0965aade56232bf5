/** Layouts of structures that are newer than distribution headers, by the System V x86-64 rules: every member at its natural alignment. */

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

/** The structures, written down from api.rst and userfaultfd's documentation. */
export const newerLayouts: Readonly<Partial<Record<string, Layout>>> = {
  // Linux 6.8. `userfault_bitmap` is the proposals' use of the first padding word.
  kvm_userspace_memory_region2: layOut([
    ['slot', 'u32'], ['flags', 'u32'], ['guest_phys_addr', 'u64'], ['memory_size', 'u64'], ['userspace_addr', 'u64'],
    ['guest_memfd_offset', 'u64'], ['guest_memfd', 'u32'], ['pad1', 'u32'], ['userfault_bitmap', 'u64'], ['pad2', 'u64', 13],
  ]),
  // Linux 6.8.
  kvm_create_guest_memfd: layOut([['size', 'u64'], ['flags', 'u64'], ['reserved', 'u64', 6]]),
  // Linux 6.8, the member of kvm_run's union.
  kvm_run_memory_fault: layOut([['flags', 'u64'], ['gpa', 'u64'], ['size', 'u64']]),
  // Linux 6.6.
  uffdio_poison: layOut([['range.start', 'u64'], ['range.len', 'u64'], ['mode', 'u64'], ['updated', 'u64']]),
  // Linux 6.8.
  uffdio_move: layOut([['dst', 'u64'], ['src', 'u64'], ['len', 'u64'], ['mode', 'u64'], ['move', 'u64']]),
};
