/*
 * Boot entry and the stubs behind the IDT. A stub saves the registers that tasks use, in the order of struct frame, and notes
 * the time as early as registers allow; nothing else.
 */
#include "abi.h"
#include "apf.h"

#define FRAME_BYTES (9 * 8) /* struct frame */

	.file "entry.S"
	.text
	.globl _start
/* rdi = vCPU index, rsi = vcpu_block, rdx = TSS, rsp = kernel_stack_top. */
_start:
	mov %rsi, %r15
	jmp kernel_main

/* With rax saved. */
	.macro ENTER
	push %rdx
	rdtsc
	mov %eax, %r11d
	push %rcx
	push %rdi
	.endm

/* With ENTER done, whose rcx is saved and whose edx:r11d is the time. */
	.macro NOTE kind
	mov (VCPU_BLOCK_NOTE + \kind * 8)(%r15), %rcx
	mov %r11d, (%rcx)
	mov %edx, 4(%rcx)
	addw $8, (VCPU_BLOCK_NOTE + \kind * 8)(%r15)
	.endm

	.globl entry_page_fault, entry_apf_ready, entry_timer, entry_undefined, entry_int80, entry_syscall, entry_spurious
/*
 * The error code's place becomes that of rax, so all frames are alike. A frame that does not begin where the current task's
 * frame is was not made by CPL3 or the idle task: the host delivered a not-present event to the kernel.
 */
entry_page_fault:
	xchg %rax, (%rsp)
	cmpl $APF_REASON_NOT_PRESENT, (%r15)
	jne 1f
	ENTER
	cmp %rsp, %r13
	jne 2f
	jmp handle_not_present
1:	xchg %rax, (%rsp)
	push $14
	jmp unexpected
2:	mov $PANIC_APF_KERNEL, %edi
	jmp panic

noted_page_fault:
	xchg %rax, (%rsp)
	cmpl $APF_REASON_NOT_PRESENT, (%r15)
	jne 1b
	ENTER
	NOTE NOTE_NOT_PRESENT
	cmp %rsp, %r13
	jne 2b
	jmp handle_not_present

entry_apf_ready:
	push %rax
	ENTER
	jmp handle_apf_ready
entry_timer:
	push %rax
	ENTER
	jmp handle_timer

noted_apf_ready:
	push %rax
	ENTER
	NOTE NOTE_READY
	jmp handle_apf_ready
noted_timer:
	push %rax
	ENTER
	NOTE NOTE_TICK
	jmp handle_timer

/* #UD: `ud2` is a trap where nothing better works. */
entry_undefined:
	push %rax
	ENTER
	cmp %rsp, %r13
	je handle_undefined
	/* The kernel itself met an instruction that is none: its frame is not the current task's. */
	add $4 * 8, %rsp
	push $0
	push $6
	jmp unexpected

entry_int80:
	push %rax
	ENTER
	mov $TRAP_BY_INT80, %edi
	jmp handle_trap

/*
 * rcx = rip behind the instruction, r11 = rflags, rsp still the task's; IF, TF, DF, NT and AC are clear (SFMASK). Until rsp is
 * the kernel's nothing may push onto it: no interrupt comes with IF clear, no #DB with TF clear and no breakpoint set, KVM
 * tells CPL0 of no missing page, kernel text is always there; NMI, #MC and #DF have stacks of their own.
 *
 * The kernel's own registers tell where the frame is: there is no gs base to swap. What follows is the frame as an interrupt
 * gate makes it.
 */
entry_syscall:
	mov %rsp, %rsi
	lea FRAME_BYTES(%r13), %rsp
	push $SELECTOR_USER_DATA
	push %rsi
	push %r11
	push $SELECTOR_USER_CODE
	push %rcx
	push %rax
	ENTER
	mov $TRAP_BY_SYSCALL, %edi
	jmp handle_trap

entry_spurious:
	iretq

/* Exceptions that nobody expects: they never return to where they came from, so nothing is saved. */
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

/* rsp = struct exception. The handler's stack begins below the frame it may lie in: a frame made anew must not meet it. */
unexpected:
	mov %rsp, %rdi
	sub $4 * 8, %rsp
	jmp handle_exception

	.macro VECTOR vector, handler, ist=0, dpl=0
	.long \vector
	.word \ist, \dpl
	.quad \handler
	.endm

	.macro VECTOR_TABLE page_fault, timer, apf_ready
	.irp vector, 0, 1, 3, 4, 5, 7, 9, 10, 11, 12, 13, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	VECTOR \vector, unexpected_\vector
	.endr
	VECTOR 8, unexpected_8, 1
	VECTOR 2, unexpected_2, 2
	VECTOR 18, unexpected_18, 3
	VECTOR 6, entry_undefined
	VECTOR 14, \page_fault
	VECTOR VECTOR_INT80, entry_int80, 0, 3
	VECTOR VECTOR_TIMER, \timer
	VECTOR VECTOR_APF_READY, \apf_ready
	VECTOR VECTOR_SPURIOUS, entry_spurious
	VECTOR 0, 0
	.endm

	.section .rodata
	.balign 16
	.globl vector_table, noted_vector_table
vector_table:
	VECTOR_TABLE entry_page_fault, entry_timer, entry_apf_ready
noted_vector_table:
	VECTOR_TABLE noted_page_fault, noted_timer, noted_apf_ready

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
