/** String instructions: one step, and many. */
import { page, type Form } from './form.js';

const both = { rsi: page(2, 0x140), rdi: page(5, 0x140) };
const NON_CANONICAL = 0x0001_0000_0000_0000n;

/** One step. */
export const STRINGS: readonly Form[] = [
  { title: 'movsb, the source missing', assembly: 'movsb', registers: both, present: [5], stops: [[2]] },
  { title: 'movsb, the destination missing', assembly: 'movsb', registers: both, present: [2], stops: [[5]] },
  { title: 'movsq, both missing', assembly: 'movsq', registers: both, stops: [[2, 5]] },
  { title: 'movsq, both across pages', assembly: 'movsq', registers: { rsi: page(3, -4), rdi: page(6, -2) }, stops: [[2, 3, 5, 6]] },
  { title: 'movsl, the source by FS', assembly: 'movsl %fs:(%rsi), %es:(%rdi)', registers: { rsi: 0x2000, rdi: page(5) }, fsBase: page(0), stops: [[2, 5]] },
  { title: 'movsb from a missing page to an address that is not canonical', assembly: 'movsb', registers: { rsi: page(2), rdi: NON_CANONICAL + BigInt(page(5)) }, stops: [[2]], raises: true },
  { title: 'stosb', assembly: 'stosb', registers: both, stops: [[5]] },
  { title: 'stosq, across pages', assembly: 'stosq', registers: { rdi: page(6, -3) }, stops: [[5, 6]] },
  { title: 'lodsw', assembly: 'lodsw', registers: both, stops: [[2]] },
  { title: 'cmpsb', assembly: 'cmpsb', registers: both, stops: [[2, 5]] },
  { title: 'scasq', assembly: 'scasq', registers: both, stops: [[5]] },
];

/** Many steps; a step stops only for its own pages. */
export const REPEATED_STRINGS: readonly Form[] = [
  { title: 'rep movsb within two pages', assembly: 'rep movsb', registers: { rsi: page(2, 0xff0), rdi: page(5, 0x10), rcx: 16 }, stops: [[2, 5]] },
  { title: 'rep movsb over several pages', assembly: 'rep movsb', registers: { rsi: page(2, 100), rdi: page(10, 300), rcx: 2 * 4096 + 500 }, stops: [[2, 10], [11], [3], [12], [4]] },
  { title: 'rep movsq over several pages in step', assembly: 'rep movsq', registers: { rsi: page(2), rdi: page(10), rcx: 1024 }, stops: [[2, 10], [3, 11]] },
  { title: 'rep movsq, a step of which lies across pages', assembly: 'rep movsq', registers: { rsi: page(3, -20), rdi: page(10), rcx: 4 }, stops: [[2, 10], [3]] },
  { title: 'rep movsb without steps', assembly: 'rep movsb', registers: { rsi: page(2), rdi: page(5), rcx: 0 }, stops: [] },
  { title: 'rep movsb with 32-bit addresses', assembly: 'addr32 rep movsb', registers: { rsi: 0xffff_ffff_0000_0000n + BigInt(page(2)), rdi: page(5), rcx: 8 }, stops: [[2, 5]] },
  { title: 'rep movsb downwards', assembly: 'std; rep movsb', registers: { rsi: page(3, 7), rdi: page(6, 3), rcx: 10 }, stops: [[3, 6], [5], [2]] },
  { title: 'rep stosb', assembly: 'rep stosb', registers: { rdi: page(2, 0x800), rcx: 2 * 4096 }, stops: [[2], [3], [4]] },
  { title: 'rep stosq downwards', assembly: 'std; rep stosq', registers: { rdi: page(3, 0), rcx: 512 }, stops: [[3], [2]] },
  { title: 'rep stosl, whole pages, some of them present', assembly: 'rep stosl', registers: { rdi: page(2), rcx: 4 * 1024 }, present: [3], stops: [[2], [4], [5]] },
  { title: 'rep lodsb', assembly: 'rep lodsb', registers: { rsi: page(3, -2), rcx: 4 }, stops: [[2], [3]] },
  { title: 'repe cmpsb', assembly: 'repe cmpsb', registers: { rsi: page(3, -2), rdi: page(6, -2), rcx: 5 }, stops: [[2, 5], [3, 6]] },
  { title: 'repe cmpsb that ends before the next page', assembly: 'repe cmpsb', registers: { rsi: page(3, -2), rdi: page(6, -3), rcx: 5 }, stops: [[2, 5]] },
  { title: 'repne scasb', assembly: 'repne scasb', registers: { rdi: page(3, -2), rax: 0xff, rcx: 5 }, stops: [[2], [3]] },
  { title: 'rep movsb whose code is in missing pages too', assembly: 'rep movsb', registers: { rsi: page(2), rdi: page(5), rcx: 4 }, at: page(8, -1), stops: [[7], [8], [2, 5]], notEmulated: true },
];
