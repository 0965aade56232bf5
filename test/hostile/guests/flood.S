/*
 * Touches one missing page after the other and never waits for any: each not-present event is answered by going on to the next page. What
 * it does with ready events is ON_EVENT; every TOGGLE-th not-present event it disables delivery and enables it again. With WRAP it comes back to
 * the first page after so many (a power of two).
 */
/* Values of EVENT. */
#define TAKE 1
#define NEVER 2
#define ACK_ONLY 3
#define CLEAR_ONLY 4
#define SHOUT 5

#define ON_PAGE_FAULT on_page_fault
#define ON_READY on_ready
#define ON_GENERAL_PROTECTION skip
#include "hostile.h"

#ifndef TOGGLE
#define TOGGLE 0
#endif

main:
	ENABLE_ASYNC_PF
	xor %ebx, %ebx
	ENTER_USER user

on_page_fault:
	cmpl $1, (%r15)
	jne unexpected_14
	movl $0, (%r15)
#if TOGGLE
	decl countdown
	jnz 1f
	movl $TOGGLE, countdown
	mov $MSR_ASYNC_PF_EN, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	lea 9(%r15), %rax
	wrmsr
1:
#endif
	add $8, %rsp
	movq $next, (%rsp)
	iretq

on_ready:
	push %rax
	push %rcx
	push %rdx
	SET_MSR X2APIC_EOI, 0
	incq 152(%r15)
#if EVENT == TAKE || EVENT == CLEAR_ONLY
	movl $0, 4(%r15)
#endif
#if EVENT == TAKE || EVENT == ACK_ONLY
	SET_MSR MSR_ASYNC_PF_ACK, 1
#endif
#if EVENT == SHOUT
	/* Acknowledges and enables over and over with a token of its own in the word. */
	movl $0x55555555, 4(%r15)
	mov $1000, %r8d
2:	SET_MSR MSR_ASYNC_PF_ACK, 1
	mov $MSR_ASYNC_PF_EN, %ecx
	lea 9(%r15), %rax
	xor %edx, %edx
	wrmsr
	dec %r8d
	jnz 2b
#endif
	pop %rdx
	pop %rcx
	pop %rax
	iretq

	.section .user_text
user:
	movabs $WINDOW_BASE, %rsi
next:
	cmp $FLOOD_PAGES, %ebx
	jae 3f
	mov %rbx, %rax
#ifdef WRAP
	and $(WRAP - 1), %rax
#endif
	shl $12, %rax
	inc %ebx
	mov (%rsi, %rax), %rax
	jmp next
3:	ud2

	.data
countdown: .long TOGGLE
	.text
