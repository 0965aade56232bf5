/* Every write of the async page fault MSRs that a host has to refuse or to bear, then the same values in a long loop, with a fault between. */
#define ON_GENERAL_PROTECTION skip
#define ON_UNDEFINED user_is_back
#define ON_PAGE_FAULT on_page_fault
#include "hostile.h"

#define ROUNDS 60

main:
	SET_MSR X2APIC_SVR, 0x1ff
	mov $ROUNDS, %ebp
round:
	mov $values, %esi
1:	mov (%rsi), %ecx
	test %ecx, %ecx
	jz 2f
	mov 8(%rsi), %eax
	mov 12(%rsi), %edx
	wrmsr
	rdmsr
	add $16, %rsi
	jmp 1b
2:	/* A fault with whatever is set up now. */
	ENTER_USER user
user_is_back:
	mov $kernel_stack_top, %esp
	inc %ebx
	dec %ebp
	jnz round
	jmp done

on_page_fault:
	movl $0, (%r15)
	add $8, %rsp
	movq $user_trap, (%rsp)
	iretq

	.section .rodata
	.balign 16
	.macro VALUE index, value
	.quad \index, \value
	.endm
values:
	.irp value, 0, 1, 9, 0x10, 0x3f, 0xffffffffffffffff, 0x8000000000000009, 0xffffffffc9, 0x1000000009, 0x7fffffc9, 0x2fffc9
	VALUE MSR_ASYNC_PF_EN, \value
	.endr
	.irp value, 0, 1, 15, 14, 2, 255, 256, 0xffffffffffffffff, 0x10000000000f3
	VALUE MSR_ASYNC_PF_INT, \value
	.endr
	.irp value, 0, 1, 2, 3, 0xffffffffffffffff
	VALUE MSR_ASYNC_PF_ACK, \value
	.endr
	/* The area in the window, in the tables, in the IDT, unaligned; each enabled, with a legal vector or not. */
	VALUE MSR_ASYNC_PF_EN, WINDOW_BASE + 0x100009
	VALUE MSR_ASYNC_PF_EN, TABLES_BASE + 9
	VALUE MSR_ASYNC_PF_EN, VCPU_BLOCK_BASE + 0xfc9
	VALUE MSR_ASYNC_PF_EN, VCPU_BLOCK_BASE + 0xf
	VALUE MSR_ASYNC_PF_EN, VCPU_BLOCK_BASE + 0x9
	VALUE MSR_ASYNC_PF_INT, VECTOR_APF_READY
	VALUE MSR_ASYNC_PF_EN, VCPU_BLOCK_BASE + 0x9
	.quad 0, 0

	.section .user_text
user:
	movabs $WINDOW_BASE, %rax
	mov %rbx, %rcx
	shl $12, %rcx
	mov (%rax, %rcx), %rax
user_trap:
	ud2
	.text
