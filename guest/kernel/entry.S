/*
 * Boot entry and the stubs behind the IDT.
 *
 * A stub saves the seven registers that tasks use and notes the time; nothing else. Frames carry no error code: the only
 * expected exception that pushes one is #PF, whose stub pops it away.
 */
#include "abi.h"

	.text
	.globl _start
/* rdi = vCPU index, rsi = vcpu_block, rdx = TSS, rsp = kernel_stack_top. */
_start:
	mov %rsi, %r15
	mov %rdx, %r14
	jmp kernel_main

/* Order as in struct frame. The time is taken as early as registers allow. */
	.macro ENTER handler
	push %rax
	push %rdx
	push %rbx
	rdtsc
	mov %eax, %ebx
	push %rcx
	push %rsi
	push %rdi
	push %rbp
	jmp \handler
	.endm

	.globl entry_page_fault, entry_apf_ready, entry_timer, entry_trap, entry_spurious
entry_page_fault:
	popq page_fault_error
	ENTER handle_page_fault
entry_apf_ready:
	ENTER handle_apf_ready
entry_timer:
	ENTER handle_timer
entry_trap:
	ENTER handle_trap
entry_spurious:
	iretq

/* Exceptions that nobody expects. They never return, so nothing is saved. */
	.macro UNEXPECTED vector, has_error=0
unexpected_\vector:
	.if !\has_error
	push $0
	.endif
	push $\vector
	jmp unexpected
	.endm

	.irp vector, 0, 1, 2, 3, 4, 5, 7, 9, 15, 16, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 31
	UNEXPECTED \vector
	.endr
	.irp vector, 8, 10, 11, 12, 13, 17, 21, 29, 30
	UNEXPECTED \vector, 1
	.endr

unexpected:
	pop %rdi
	pop %rsi
	pop %rdx
	mov %cr2, %rcx
	jmp panic_exception

	.macro VECTOR vector, handler, ist=0
	.long \vector, \ist
	.quad \handler
	.endm

	.section .rodata
	.balign 16
	.globl vector_table
vector_table:
	.irp vector, 0, 1, 3, 4, 5, 7, 9, 10, 11, 12, 13, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	VECTOR \vector, unexpected_\vector
	.endr
	VECTOR 8, unexpected_8, 1
	VECTOR 2, unexpected_2, 2
	VECTOR 18, unexpected_18, 3
	VECTOR 6, entry_trap
	VECTOR 14, entry_page_fault
	VECTOR VECTOR_TIMER, entry_timer
	VECTOR VECTOR_APF_READY, entry_apf_ready
	VECTOR VECTOR_SPURIOUS, entry_spurious
	VECTOR 0, 0

	.section .bss
	.balign 16
	.globl kernel_stack_top, ist1_stack_top, ist2_stack_top, ist3_stack_top
	.skip 1024
kernel_stack_top:
	.skip 512
ist1_stack_top:
	.skip 512
ist2_stack_top:
	.skip 512
ist3_stack_top:

	.section .note.GNU-stack, "", @progbits
