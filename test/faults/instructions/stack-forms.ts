/** The stack, and where the guest goes next. */
import { STACK, TARGET, page, type Form } from './form.js';

const rbx = page(2, 0x140);
const rsp = page(5, 0x140);

/** Pushes and pops. */
export const STACKS: readonly Form[] = [
  { title: 'push of a register', assembly: 'push %rax', registers: { rsp }, stops: [[5]] },
  { title: 'push of an immediate', assembly: 'push $-5', registers: { rsp }, stops: [[5]] },
  { title: 'push of 16 bits', assembly: 'pushw $5', registers: { rsp: page(6) }, stops: [[5]] },
  { title: 'push at the bottom of a page', assembly: 'push %rax', registers: { rsp: page(5) }, stops: [[4]] },
  { title: 'push across pages, both missing', assembly: 'push %rax', registers: { rsp: page(5, 4) }, stops: [[4, 5]] },
  { title: 'push across pages, the lower missing', assembly: 'push %rax', registers: { rsp: page(5, 4) }, present: [5], stops: [[4]] },
  { title: 'push of memory, both missing', assembly: 'push (%rbx)', registers: { rbx, rsp }, stops: [[2, 5]] },
  { title: 'push of memory, the stack missing', assembly: 'push (%rbx)', registers: { rbx, rsp }, present: [2], stops: [[5]] },
  { title: 'push of memory, the memory missing', assembly: 'push (%rbx)', registers: { rbx, rsp: STACK }, stops: [[2]] },
  { title: 'push of memory at rsp', assembly: 'push (%rsp)', registers: { rsp: page(5) }, stops: [[4, 5]] },
  { title: 'pushf', assembly: 'pushf', registers: { rsp }, stops: [[5]] },
  { title: 'pop into a register', assembly: 'pop %rax', registers: { rsp }, stops: [[5]] },
  { title: 'pop across pages, both missing', assembly: 'pop %rax', registers: { rsp: page(5, -4) }, stops: [[4, 5]] },
  { title: 'pop into memory, both missing', assembly: 'pop (%rbx)', registers: { rbx, rsp }, stops: [[2, 5]] },
  { title: 'pop into memory at rsp, after the pop', assembly: 'pop (%rsp)', registers: { rsp: page(5, -8) }, stops: [[4, 5]] },
  { title: 'popf', assembly: 'popf', registers: { rsp }, memory: [[rsp, 0x2]], stops: [[5]] },
  { title: 'leave', assembly: 'leave', registers: { rbp: rsp }, stops: [[5]] },
  { title: 'enter', assembly: 'enter $0x40, $0', registers: { rsp }, stops: [[5]] },
  { title: 'enter with a frame of two pages', assembly: 'enter $0x2000, $0', registers: { rsp: page(5, 8) }, stops: [[3, 5]], optional: [3] },
  { title: 'enter with nesting', assembly: 'enter $0x1000, $3', registers: { rsp: page(8, 8), rbp: page(12, 16) }, stops: [[6, 7, 8, 12]], optional: [6] },
];

/** Calls, returns and jumps. */
export const TRANSFERS: readonly Form[] = [
  { title: 'call, the stack missing', assembly: 'call 1f; 1:', registers: { rsp }, stops: [[5]] },
  { title: 'call, the stack across pages', assembly: 'call 1f; 1:', registers: { rsp: page(5, 4) }, stops: [[4, 5]] },
  { title: 'call by a register, the stack missing', assembly: 'call *%rax', registers: { rsp, rax: TARGET }, stops: [[5]] },
  { title: 'call through memory, memory and stack missing', assembly: 'call *(%rbx)', registers: { rbx, rsp }, memory: [[rbx, TARGET]], stops: [[2, 5]] },
  { title: 'call through memory, the memory missing', assembly: 'call *(%rbx)', registers: { rbx, rsp: STACK }, memory: [[rbx, TARGET]], stops: [[2]] },
  { title: 'call to a missing page', assembly: 'call *%rax', registers: { rsp: STACK, rax: page(8, 0x10) }, endsAt: page(8, 0x10), notEmulated: true, stops: [[8]] },
  { title: 'call to a missing page, the stack missing', assembly: 'call *%rax', registers: { rsp, rax: page(8, 0x10) }, endsAt: page(8, 0x10), notEmulated: true, stops: [[5], [8]] },
  { title: 'ret', assembly: 'ret', registers: { rsp }, memory: [[rsp, TARGET]], stops: [[5]] },
  { title: 'ret that takes arguments off', assembly: 'ret $0x20', registers: { rsp }, memory: [[rsp, TARGET]], stops: [[5]] },
  { title: 'ret to a missing page', assembly: 'ret', registers: { rsp }, memory: [[rsp, page(8, 0x10)]], endsAt: page(8, 0x10), notEmulated: true, stops: [[5], [8]] },
  { title: 'jmp through memory', assembly: 'jmp *(%rbx)', registers: { rbx }, memory: [[rbx, TARGET]], stops: [[2]] },
  { title: 'jmp through memory to a missing page', assembly: 'jmp *(%rbx)', registers: { rbx }, memory: [[rbx, page(8, 0x10)]], endsAt: page(8, 0x10), notEmulated: true, stops: [[2], [8]] },
  { title: 'jmp to a missing page', assembly: 'jmp *%rax', registers: { rax: page(8, 0x10) }, endsAt: page(8, 0x10), notEmulated: true, stops: [[8]] },
];

/** Instruction fetch. */
export const FETCHES: readonly Form[] = [
  { title: 'an instruction in a missing page', assembly: 'mov $7, %eax', at: page(8, 0x100), stops: [[8]], notEmulated: true },
  { title: 'an instruction that begins in a missing page and ends in a present one', assembly: 'movabs $0x123456789abcdef, %rax', at: page(8, -4), present: [8], stops: [[7]], notEmulated: true },
  { title: 'an instruction that begins in a present page and ends in a missing one', assembly: 'movabs $0x123456789abcdef, %rax', at: page(8, -4), present: [7], stops: [[8]], notEmulated: true },
  { title: 'an instruction across two missing pages', assembly: 'movabs $0x123456789abcdef, %rax', at: page(8, -4), stops: [[7], [8]], notEmulated: true },
  { title: 'an instruction of which only the opcode is present', assembly: 'mov (%rbx), %rax', registers: { rbx }, at: page(8, -2), present: [7], stops: [[8], [2]], notEmulated: true },
  { title: 'a load whose code and data are missing', assembly: 'mov (%rbx), %rax', registers: { rbx }, at: page(8, 0x100), stops: [[8], [2]], notEmulated: true },
  { title: 'a load from the page that its own code is in', assembly: 'mov (%rbx), %rax', registers: { rbx: page(8, 0x800) }, at: page(8, 0x100), stops: [[8]], notEmulated: true },
  { title: 'an instruction at the end of a present page before a missing one', assembly: 'mov (%rbx), %rax; nop', registers: { rbx }, at: page(8, -3), present: [7], stops: [[2], [8]], notEmulated: true },
];
