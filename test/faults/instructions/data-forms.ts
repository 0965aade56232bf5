/** Loads, stores and read-modify-write. */
import { CODE, everyPosition, page, type Form } from './form.js';

/** At page 2 unless a form says otherwise. */
const within = (title: string, assembly: string, more: Partial<Form> = {}): Form => ({ title, assembly, stops: [[2]], ...more, registers: { rbx: page(2, 0x140), ...more.registers } });

/** Instructions that read. */
export const LOADS: readonly Form[] = [
  ...everyPosition('mov r8', 'mov (%rbx), %al', 'rbx', 1),
  ...everyPosition('mov r16', 'mov (%rbx), %ax', 'rbx', 2),
  ...everyPosition('mov r32', 'mov (%rbx), %eax', 'rbx', 4),
  ...everyPosition('mov r64', 'mov (%rbx), %rax', 'rbx', 8),
  ...everyPosition('movsx from 16 bits', 'movswq (%rbx), %rax', 'rbx', 2),
  ...everyPosition('movups', 'movups (%rbx), %xmm1', 'rbx', 16),
  within('movsx from 8 bits', 'movsbq (%rbx), %rax'),
  within('movsxd', 'movslq (%rbx), %rax'),
  within('movzx', 'movzbl (%rbx), %eax'),
  within('movaps', 'movaps (%rbx), %xmm1'),
  within('movss', 'movss (%rbx), %xmm1'),
  within('cvtsi2sd', 'cvtsi2sdq (%rbx), %xmm1'),
  within('fld of 80 bits', 'fldt (%rbx)'),
  within('fild', 'fildll (%rbx)'),
  within('add to a register', 'add (%rbx), %rax'),
  within('cmp', 'cmpq $1, (%rbx)'),
  within('test', 'test %rax, (%rbx)'),
  within('imul', 'imul (%rbx), %rax', { registers: { rax: 3 } }),
  within('cmov whose condition is false', 'cmp %rax, %rax; cmovne (%rbx), %rcx'),
  within('bt with an immediate', 'btl $5, (%rbx)'),
  within('bt with a register, three pages up', 'bt %rax, (%rbx)', { registers: { rax: 3 * 4096 * 8 + 7 }, stops: [[5]] }),
  within('bt with a negative register, two pages down', 'bt %eax, (%rbx)', { registers: { rbx: page(4, 0x140), rax: 0xffff_0000 }, stops: [[2]] }),
  within('bt with a 16-bit register', 'bt %ax, (%rbx)', { registers: { rbx: page(3, 8), rax: 0xff00 }, stops: [[2]] }),
  within('xlat', 'xlat', { registers: { rbx: page(2, 0xff0), rax: 0xffff_ff20 }, stops: [[3]] }),
  within('popcnt', 'popcnt (%rbx), %rax', { needs: ['popcnt'] }),
  within('movbe', 'movbe (%rbx), %rax', { needs: ['movbe'] }),
  within('ldmxcsr', 'ldmxcsr (%rbx)', { memory: [[page(2, 0x140), 0x1f80]] }),
  within('fxrstor', 'fxrstor (%rbx)', { memory: Array.from({ length: 64 }, (_, at) => [page(2, 0x140 + 8 * at), 0] as const), notEmulated: true }),
  // An emulated CPU has no cache to flush, a hypervisor may make nothing of MONITORX.
  within('clflush', 'clflush (%rbx)', { optional: [2] }),
  within('monitorx', 'xor %ecx, %ecx; xor %edx, %edx; monitorx', { needs: ['monitorx'], registers: { rax: page(2, 0x140) }, optional: [2] }),
];

/** Ways to say where. */
export const ADDRESSES: readonly Form[] = [
  within('a displacement', 'mov 0x2000(%rbx), %rax', { stops: [[4]] }),
  within('a negative displacement', 'mov -0x2000(%rbx), %rax', { registers: { rbx: page(4, 8) } }),
  within('base and scaled index', 'mov 0x10(%rbx,%rcx,8), %rax', { registers: { rcx: 0x400 }, stops: [[4]] }),
  within('a negative index', 'mov (%rbx,%rcx), %rax', { registers: { rbx: page(4, 8), rcx: -0x2000n } }),
  within('an index without a base', `mov ${page(0)}(,%rcx,8), %rax`, { registers: { rcx: 0x400 } }),
  within('a sum that wraps around', 'mov (%rbx,%rcx), %rax', { registers: { rbx: -0x1000n, rcx: page(3, 8) } }),
  within('rip-relative', `mov ${page(2, 8) - CODE - 7}(%rip), %rax`),
  within('rip-relative with an immediate behind it', `cmpq $1, ${page(2, 8) - CODE - 8}(%rip)`),
  within('an absolute offset', `movabs ${page(2, 8)}, %rax`),
  within('FS', 'mov %fs:(%rbx), %rax', { registers: { rbx: 0x2140 }, fsBase: page(0) }),
  within('GS, with a base register that is negative', 'mov %gs:-0x8(%rbx), %rax', { registers: { rbx: 0 }, gsBase: page(2, 0x40) }),
  within('a 32-bit address', 'mov (%ebx), %eax', { registers: { rbx: 0xffff_ffff_0000_0000n + BigInt(page(2, 8)) } }),
  within('a 32-bit address that wraps around', 'mov 0x20(%ebx,%ecx,4), %eax', { registers: { rbx: 0xffff_fff0, rcx: 0x1000_0000 + 0x800 } }),
  within('a 32-bit address and FS', 'mov %fs:(%ebx), %eax', { registers: { rbx: 0xffff_ffff_0000_2140n }, fsBase: page(0) }),
  within('lea, which touches nothing', 'lea (%rbx), %rax', { stops: [] }),
  within('nop, which touches nothing', 'nopl (%rbx)', { stops: [] }),
  within('prefetch, which does not fault', 'prefetcht0 (%rbx)', { stops: [] }),
];

/** Instructions that write. */
export const STORES: readonly Form[] = [
  ...everyPosition('mov r8', 'mov %al, (%rbx)', 'rbx', 1),
  ...everyPosition('mov r16', 'mov %ax, (%rbx)', 'rbx', 2),
  ...everyPosition('mov r32', 'mov %eax, (%rbx)', 'rbx', 4),
  ...everyPosition('mov r64', 'mov %rax, (%rbx)', 'rbx', 8),
  ...everyPosition('mov imm32 to 64 bits', 'movq $-3, (%rbx)', 'rbx', 8),
  ...everyPosition('movups', 'movups %xmm1, (%rbx)', 'rbx', 16),
  ...everyPosition('fxsave', 'fxsave (%rbx)', 'rbx', 512, { notEmulated: true }),
  within('mov imm8', 'movb $3, (%rbx)'),
  within('mov imm16', 'movw $3, (%rbx)'),
  within('mov imm32', 'movl $3, (%rbx)'),
  within('movnti', 'movnti %rax, (%rbx)'),
  within('movntdq', 'movntdq %xmm1, (%rbx)'),
  within('setcc', 'setz (%rbx)'),
  within('fstp of 80 bits', 'fld1; fstpt (%rbx)'),
  within('fnstcw', 'fnstcw (%rbx)'),
  within('stmxcsr', 'stmxcsr (%rbx)'),
  within('movbe', 'movbe %rax, (%rbx)', { needs: ['movbe'] }),
  within('clzero, from the middle of its line', 'lea 0x1f(%rbx), %rax; clzero', { needs: ['clzero'] }),
];

/** Instructions that read and write the same place. */
export const READ_MODIFY_WRITES: readonly Form[] = [
  ...everyPosition('add', 'add %rax, (%rbx)', 'rbx', 8),
  ...everyPosition('inc', 'incl (%rbx)', 'rbx', 4),
  ...everyPosition('lock add', 'lock addq $3, (%rbx)', 'rbx', 8),
  ...everyPosition('xchg', 'xchg %rax, (%rbx)', 'rbx', 8),
  ...everyPosition('xadd', 'xadd %rax, (%rbx)', 'rbx', 8),
  ...everyPosition('lock cmpxchg, not equal', 'lock cmpxchg %rcx, (%rbx)', 'rbx', 8),
  within('lock cmpxchg, equal', 'lock cmpxchg %rcx, (%rbx)', { registers: { rax: 77 }, memory: [[page(2, 0x140), 77]] }),
  within('lock xadd', 'lock xadd %rax, (%rbx)'),
  within('lock inc of a byte', 'lock incb (%rbx)'),
  within('neg', 'negq (%rbx)'),
  within('or imm8', 'orb $0x40, (%rbx)'),
  within('shl by cl', 'shll %cl, (%rbx)', { registers: { rcx: 5 } }),
  within('rcr by one', 'rcrw (%rbx)'),
  within('bts with an immediate', 'btsq $40, (%rbx)'),
  within('bts with a register, two pages up', 'bts %rax, (%rbx)', { registers: { rax: 2 * 4096 * 8 + 9 }, stops: [[4]] }),
  within('lock bts with a negative register, a page down', 'lock bts %rax, (%rbx)', { registers: { rbx: page(3, 8), rax: -0x4000n } }),
  within('btr with a 32-bit register', 'btr %eax, (%rbx)', { registers: { rax: 4096 * 8 }, stops: [[3]] }),
  within('btc with a 16-bit register', 'btc %ax, (%rbx)', { registers: { rbx: page(1, 0x900), rax: 0x7ff0 } }),
  within('lock cmpxchg8b', 'lock cmpxchg8b (%rbx)'),
  within('lock cmpxchg16b', 'lock cmpxchg16b (%rbx)', { needs: ['cmpxchg16b'] }),
];
