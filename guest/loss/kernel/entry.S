/* Boot entry and the stubs behind the IDT: save everything, call dispatch(), go on with the frame that it returns. */
#include "loss-abi.h"

	.file "entry.S"
	.text
	.globl _start, resume_frame
_start:
	jmp kernel_main

	.macro STUB vector, has_error=0
entry_\vector:
	.if !\has_error
	push $0
	.endif
	push $\vector
	jmp enter
	.endm

	.irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 31
	STUB \vector
	.endr
	.irp vector, 8, 10, 11, 12, 13, 14, 17, 21, 29, 30
	STUB \vector, 1
	.endr
	/* VECTOR_TIMER, VECTOR_APF_READY, VECTOR_RESOLVED */
	.irp vector, 0xec, 0xf3, 0xf4
	STUB \vector
	.endr
entry_spurious:
	iretq

enter:
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	call dispatch
	mov %rax, %rdi
/* rdi = struct frame to go on with. */
resume_frame:
	mov %rdi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

	.macro VECTOR vector, handler, ist=0
	.long \vector
	.word \ist, 0
	.quad \handler
	.endm

	.section .rodata
	.balign 16
	.globl vector_table
vector_table:
	.irp vector, 0, 1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	VECTOR \vector, entry_\vector
	.endr
	VECTOR 8, entry_8, 1
	VECTOR 2, entry_2, 2
	VECTOR 18, entry_18, 3
	VECTOR 20, entry_20, 4
	VECTOR VECTOR_TIMER, entry_0xec
	VECTOR VECTOR_APF_READY, entry_0xf3
	VECTOR VECTOR_RESOLVED, entry_0xf4
	VECTOR VECTOR_SPURIOUS, entry_spurious
	VECTOR 0, 0

	.section .bss
	.balign 16
	.globl kernel_stack_top, ist1_stack_top, ist2_stack_top, ist3_stack_top, ist4_stack_top
	.skip 2048
kernel_stack_top:
	.skip 2048
ist1_stack_top:
	.skip 2048
ist2_stack_top:
	.skip 2048
ist3_stack_top:
	.skip 2048
ist4_stack_top:

	.section .note.GNU-stack, "", @progbits
