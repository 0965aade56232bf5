/*
 * Copies from and to memory that may be lost. Each access has an entry in the exception table: an event there goes on at
 * the entry's second address with the errno in rax. They return 0 or that errno.
 */
	.file "user_copy.S"
	.text
	.globl guarded_read, guarded_write

	.macro GUARDED at, fixup
	.pushsection .exception_table, "a"
	.quad \at, \fixup
	.popsection
	.endm

/* u64 guarded_read(const void *from, u64 *value) */
guarded_read:
1:	mov (%rdi), %rax
	mov %rax, (%rsi)
	xor %eax, %eax
2:	ret
	GUARDED 1b, 2b

/* u64 guarded_write(void *to, u64 value) */
guarded_write:
1:	mov %rsi, (%rdi)
	xor %eax, %eax
2:	ret
	GUARDED 1b, 2b

	.section .note.GNU-stack, "", @progbits
