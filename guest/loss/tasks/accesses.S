/*
 * The accesses of tasks, one instruction each. Between the time before and the time behind there is nothing but the
 * access. r9 = the outcome that is being made, which the signal handler looks for there; rdi = gva, rsi = value.
 * Return: rax = value. A signal skips to the landing behind.
 */
#include "loss-abi.h"

#define TSC_BEFORE 0
#define TSC_AFTER 8

	.file "accesses.S"
	.text
	.globl access_load, access_store, access_read_modify_write, access_fetch
	.globl landings, landings_end

	.macro STAMP at
	lfence
	rdtsc
	lfence
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, \at(%r9)
	.endm

	.macro LANDING access, land
	.pushsection .rodata
	.quad \access, \land
	.popsection
	.endm

	.pushsection .rodata
	.balign 8
landings:
	.popsection

access_load:
	mov %rdx, %r9
	STAMP TSC_BEFORE
1:	mov (%rdi), %r8
	STAMP TSC_AFTER
2:	mov %r8, %rax
	ret
	LANDING 1b, 2b

access_store:
	mov %rdx, %r9
	STAMP TSC_BEFORE
1:	mov %rsi, (%rdi)
	STAMP TSC_AFTER
2:	mov %rsi, %rax
	ret
	LANDING 1b, 2b

access_read_modify_write:
	mov %rdx, %r9
	STAMP TSC_BEFORE
1:	xadd %rsi, (%rdi)
	STAMP TSC_AFTER
2:	mov %rsi, %rax
	ret
	LANDING 1b, 2b

/* The page begins with `ret`: an instruction that cannot be fetched has its own address as rip, and its caller's on the stack. */
access_fetch:
	mov %rdx, %r9
	STAMP TSC_BEFORE
	call *%rdi
	STAMP TSC_AFTER
2:	xor %eax, %eax
	ret
	LANDING 0, 2b

	.pushsection .rodata
landings_end:
	.popsection

	.section .note.GNU-stack, "", @progbits
