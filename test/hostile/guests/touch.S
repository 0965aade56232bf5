/*
 * CPL3 accesses of missing pages by every kind of instruction, APF enabled where it is offered. Ends well, or panics where the values are
 * wrong. The pages come from sources/code.ts.
 */
#define ON_UNDEFINED on_undefined
#define ON_GENERAL_PROTECTION skip
#include "hostile.h"

#define PAGE(n) (WINDOW_BASE + (n) * PAGE_SIZE)

main:
	ENABLE_ASYNC_PF
	ENTER_USER user, USER_RFLAGS

	.section .user_text
user:
	/* Across two missing pages. */
	movabs $PAGE(2) - 4, %rbx
	mov (%rbx), %rax
	movabs $PAGE(4) - 2, %rbx
	addl $1, (%rbx)
	lock incq 0x1ffd(%rbx)
	/* From missing to missing, 3 pages long. */
	movabs $PAGE(10) + 100, %rsi
	movabs $PAGE(20) + 300, %rdi
	mov $2 * PAGE_SIZE + 500, %ecx
	rep movsb
	/* Downwards. */
	std
	movabs $PAGE(33), %rdi
	mov $PAGE_SIZE / 4, %ecx
	rep stosq
	cld
	/* A stack in the window, its pages missing. */
	movabs $PAGE(40) + 8, %rsp
	push %rax
	push %rax
	pushf
	popf
	movabs $PAGE(42) + 4, %rsp
	call 1f
1:	pop %rax
	movabs $PAGE(44), %rbx
	movabs $PAGE(46) + 8, %rsp
	pushq (%rbx)
	popq 2 * PAGE_SIZE(%rbx)
	movabs $PAGE(50), %rsp
	movabs $PAGE(55) + 8, %rbp
	enter $0x2000, $4
	/* Fetch. */
	mov $user_stack_top, %esp
	movabs $PAGE(60) + 16, %rax
	jmp *%rax

on_undefined:
	cmpb $0x60, fetched
	je 2f
	/* The first one came from the middle of a page: now one that lies across two. */
	movb $0x60, fetched
	movabs $PAGE(63) - 1, %rax
	mov %rax, (%rsp)
	iretq
2:	movabs $PAGE(63) - 1, %rax
	cmp %rax, (%rsp)
	jne panic
	jmp done

	.data
fetched: .byte 0
	.text
