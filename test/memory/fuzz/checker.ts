/**
 * The task that checks: takes page after page of the window in random order, compares every word with what the host says is there, stores one of its own, reads it
 * back. What the host says stands in a table, an entry a page, with a sequence number that is odd while the page changes: what was seen while the number changed
 * counts for nothing. Where an access fails, the VMM goes on at `lost`; a page that was to be there must not be lost, one that is lost must not be read.
 */
import { addresses } from '../../../lib/probes/index.js';

/** Guest addresses of the table and of the checkers' records, in a page that CPL3 may write. */
export const TABLE = addresses.userData;
/** Bytes of an entry: sequence number (u32), state (u32), key (u64). */
export const ENTRY_BYTES = 16;
const RECORDS = addresses.userData + 0x800;
const RECORD_BYTES = 64;
/** Bytes at the start of each page that belong to the checkers: a word for each. */
export const OWN_BYTES = 64;

/** Guest address of a checker's record. */
export function recordOf(vcpu: number): number {
  return RECORDS + vcpu * RECORD_BYTES;
}

/** Words of a record. */
export const record = {
  /** Pages that were as they should be (u64). */
  checks: 0,
  /** Accesses that failed (u64). */
  losses: 8,
  /** Pages that changed meanwhile (u64). */
  changed: 24,
  /** Of the first finding: address, value, what it was to be (u64 each). */
  address: 32,
  value: 40,
  expected: 48,
  /** 0, WRONG_VALUE or NOT_LOST (u32). */
  finding: 56,
  /** State that the page was said to have. */
  state: 60,
} as const;

/** Registers at the start, but for RIP and RSP: of checker `vcpu`. */
export function checkerRegisters(vcpu: number, window: number): Readonly<Record<'rbx' | 'rsi' | 'rdi' | 'r8' | 'r9' | 'r10', number>> {
  // The multiplier of a linear congruential generator (Knuth's MMIX) does not fit; any that is 5 modulo 8 will do.
  return { rbx: window, rsi: TABLE, rdi: recordOf(vcpu), r8: 0x5851f42d, r9: vcpu * 8, r10: vcpu * 0x1234567 + 1 };
}

/** Where the task goes on after an access that failed: offset in {@link CHECKER}. */
export const LOST_OFFSET = 0x85;

/** Machine code. rcx: the page; rdx: its entry; r11d, r12d, r13: what the entry said; r14: address of the access; rbp: what is to be there. */
export const CHECKER: readonly number[] = [
  0x4d, 0x0f, 0xaf, 0xd0, // next: imul %r8, %r10
  0x49, 0xff, 0xc2, // inc %r10
  0x4c, 0x89, 0xd1, // mov %r10, %rcx
  0x48, 0xc1, 0xe9, 0x21, // shr $33, %rcx
  0x83, 0xe1, 0x3f, // and $63, %ecx
  0x89, 0xca, // mov %ecx, %edx
  0xc1, 0xe1, 0x0c, // shl $12, %ecx
  0x48, 0x01, 0xd9, // add %rbx, %rcx
  0xc1, 0xe2, 0x04, // shl $4, %edx
  0x48, 0x01, 0xf2, // add %rsi, %rdx
  0x44, 0x8b, 0x1a, // mov (%rdx), %r11d
  0x41, 0xf6, 0xc3, 0x01, // test $1, %r11b
  0x0f, 0x85, 0xac, 0x00, 0x00, 0x00, // jnz flux
  0x44, 0x8b, 0x62, 0x04, // mov 4(%rdx), %r12d
  0x4c, 0x8b, 0x6a, 0x08, // mov 8(%rdx), %r13
  0x4c, 0x8d, 0x71, 0x40, // lea 64(%rcx), %r14
  0x4c, 0x8d, 0xb9, 0x00, 0x10, 0x00, 0x00, // lea 4096(%rcx), %r15
  0x49, 0x8b, 0x06, // load: mov (%r14), %rax
  0x4c, 0x89, 0xed, // mov %r13, %rbp
  0x48, 0x85, 0xed, // test %rbp, %rbp
  0x74, 0x03, // jz compare
  0x4c, 0x31, 0xf5, // xor %r14, %rbp
  0x48, 0x39, 0xe8, // compare: cmp %rbp, %rax
  0x75, 0x66, // jne mismatch
  0x45, 0x85, 0xe4, // test %r12d, %r12d
  0x74, 0x61, // jz mismatch
  0x49, 0x83, 0xc6, 0x08, // add $8, %r14
  0x4d, 0x39, 0xfe, // cmp %r15, %r14
  0x72, 0xdf, // jb load
  0x4e, 0x8d, 0x34, 0x09, // lea (%rcx,%r9), %r14
  0x48, 0xff, 0x47, 0x10, // incq 16(%rdi)
  0x48, 0x8b, 0x6f, 0x10, // mov 16(%rdi), %rbp
  0x49, 0x89, 0x2e, // mov %rbp, (%r14)
  0x49, 0x8b, 0x06, // mov (%r14), %rax
  0x48, 0x39, 0xe8, // cmp %rbp, %rax
  0x75, 0x41, // jne mismatch
  0x41, 0x83, 0xfc, 0x02, // cmp $2, %r12d
  0x75, 0x3b, // jne mismatch
  0x48, 0xff, 0x07, // incq (%rdi)
  0xe9, 0x7b, 0xff, 0xff, 0xff, // jmp next
  0x48, 0xff, 0x47, 0x08, // lost: incq 8(%rdi)
  0x44, 0x39, 0x1a, // cmp %r11d, (%rdx)
  0x75, 0x4a, // jne flux
  0x48, 0xff, 0x07, // incq (%rdi)
  0x4a, 0x8d, 0x04, 0x09, // lea (%rcx,%r9), %rax
  0x49, 0x39, 0xc6, // cmp %rax, %r14
  0x74, 0x0b, // je stored
  0x45, 0x85, 0xe4, // test %r12d, %r12d
  0x0f, 0x84, 0x5d, 0xff, 0xff, 0xff, // jz next
  0xeb, 0x0a, // jmp entitled
  0x41, 0x83, 0xfc, 0x02, // stored: cmp $2, %r12d
  0x0f, 0x85, 0x51, 0xff, 0xff, 0xff, // jne next
  0xc7, 0x47, 0x38, 0x02, 0x00, 0x00, 0x00, // entitled: movl $2, 56(%rdi)
  0xeb, 0x0c, // jmp report
  0x44, 0x39, 0x1a, // mismatch: cmp %r11d, (%rdx)
  0x75, 0x1b, // jne flux
  0xc7, 0x47, 0x38, 0x01, 0x00, 0x00, 0x00, // movl $1, 56(%rdi)
  0x4c, 0x89, 0x77, 0x20, // report: mov %r14, 32(%rdi)
  0x48, 0x89, 0x47, 0x28, // mov %rax, 40(%rdi)
  0x48, 0x89, 0x6f, 0x30, // mov %rbp, 48(%rdi)
  0x44, 0x89, 0x67, 0x3c, // mov %r12d, 60(%rdi)
  0xf3, 0x90, // spin: pause
  0xeb, 0xfc, // jmp spin
  0x48, 0xff, 0x47, 0x18, // flux: incq 24(%rdi)
  0xf3, 0x90, // pause
  0xe9, 0x1d, 0xff, 0xff, 0xff, // jmp next
];

/** Of `record.finding`: contents, or an access that did not fail. */
export const WRONG_VALUE = 1;
/** Of `record.finding`: an access that failed. */
export const NOT_LOST = 2;
