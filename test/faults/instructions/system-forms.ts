/** Forms for CPL0, and those that make the CPU read the guest's own tables. */
import { GDT, STACK, TABLED, TABLED_PAGE, TABLE_PAGE, TARGET, page, type Form } from './form.js';

const rbx = page(2, 0x140);
const rsp = page(5, 0x140);

/** What `lgdt` loads. */
const GDTR: readonly [number, bigint | number][] = [[rbx, (BigInt(GDT) << 16n) | 0x2fn], [rbx + 8, 0]];

/** A frame for `iretq` at CPL0. */
function frame(at: number): [number, number][] {
  return [TARGET, 0x10, 0x2, STACK, 0x18].map((word, index) => [at + 8 * index, word]);
}

/** At CPL0 alone. */
export const PRIVILEGED: readonly Form[] = [
  { title: 'lgdt', assembly: 'lgdt (%rbx)', registers: { rbx }, memory: GDTR, stops: [[2]] },
  { title: 'lidt', assembly: 'lidt (%rbx)', registers: { rbx }, memory: [[rbx, 0], [rbx + 8, 0]], stops: [[2]] },
  { title: 'iretq', assembly: 'iretq', registers: { rsp }, memory: frame(rsp), stops: [[5]], notEmulated: true },
  { title: 'iretq, its frame across pages', assembly: 'iretq', registers: { rsp: page(5, -16) }, memory: frame(page(5, -16)), stops: [[4, 5]], notEmulated: true },
];

/** Where the CPU itself reads the guest's page tables. */
export const TABLE_WALKS: readonly Form[] = [
  { title: 'a load whose page table is missing', assembly: 'mov (%rbx), %rax', registers: { rbx: TABLED + 8 }, present: [TABLED_PAGE], stops: [[TABLE_PAGE]] },
  { title: 'a load whose page table and page are missing', assembly: 'mov (%rbx), %rax', registers: { rbx: TABLED + 8 }, stops: [[TABLE_PAGE], [TABLED_PAGE]] },
  { title: 'code whose page table is missing', assembly: 'jmp *%rax', registers: { rax: TABLED + 0x10 }, endsAt: page(TABLED_PAGE, 0x10), stops: [[TABLE_PAGE], [TABLED_PAGE]] },
];

/** Where the CPU reads descriptors. */
export const DESCRIPTORS: readonly Form[] = [
  { title: 'a load of a segment register whose descriptor is missing', assembly: 'mov %fs, %eax; mov %eax, %es', gdtBase: page(2), stops: [[2]], onlyNamed: true },
  { title: 'an exception whose gate is missing', assembly: 'ud2', idtBase: page(2), stops: [[2]], onlyNamed: true, raises: true },
];
