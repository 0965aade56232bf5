/*
 * What every hostile guest begins with: the entry, the symbols that the loader wants, and handlers that a guest replaces by defining ON_*
 * before it includes this file. A guest provides `main`, which runs at CPL0 with interrupts off, rdi = vCPU index, r15 = vcpu_block.
 */
#include "abi.h"

#define MSR_ASYNC_PF_EN 0x4b564d02
#define MSR_ASYNC_PF_INT 0x4b564d06
#define MSR_ASYNC_PF_ACK 0x4b564d07
#define X2APIC_EOI 0x80b
#define X2APIC_SVR 0x80f
#define IF_ON 0x202
#define IF_OFF 0x002

#ifndef ON_GENERAL_PROTECTION
#define ON_GENERAL_PROTECTION unexpected_13
#endif
#ifndef ON_PAGE_FAULT
#define ON_PAGE_FAULT default_page_fault
#endif
#ifndef ON_UNDEFINED
#define ON_UNDEFINED done
#endif
#ifndef ON_READY
#define ON_READY default_ready
#endif
#ifndef ON_TIMER
#define ON_TIMER panic
#endif

	.macro DOORBELL value
	mov $\value, %eax
	out %eax, $DOORBELL_PORT
	.endm

	.macro SET_MSR index, value
	mov $\index, %ecx
	movabs $\value, %rax
	mov %rax, %rdx
	shr $32, %rdx
	wrmsr
	.endm

	/* The vCPU's own block, as the guest of the project does. */
	.macro ENABLE_ASYNC_PF bits=9
	SET_MSR X2APIC_SVR, 0x1ff
	SET_MSR MSR_ASYNC_PF_INT, VECTOR_APF_READY
	mov $MSR_ASYNC_PF_EN, %ecx
	lea \bits(%r15), %rax
	xor %edx, %edx
	wrmsr
	.endm

	.macro ENTER_USER target, rflags=IF_ON
	pushq $SELECTOR_USER_DATA
	pushq $user_stack_top
	pushq $\rflags
	pushq $SELECTOR_USER_CODE
	pushq $\target
	iretq
	.endm

	.text
	.globl _start
_start:
	mov %rsi, %r15
	/* Parks the vCPUs that a guest for one does not want. */
	jmp main

done:
	DOORBELL DOORBELL_DONE
1:	cli
	hlt
	jmp 1b

panic:
	movl $PANIC_BAD_TRAP, 68(%r15)
	DOORBELL DOORBELL_PANIC
	jmp done

/* For guests that write MSRs which may not be there: goes on behind the instruction, which has two bytes. */
skip:
	add $8, %rsp
	addq $2, (%rsp)
	iretq

default_page_fault:
	cmpl $1, (%r15)
	jne unexpected_14
	movl $0, (%r15)
	add $8, %rsp /* error code */
	iretq

	.macro UNEXPECTED vector, has_error=0
unexpected_\vector:
	.if !\has_error
	push $0
	.endif
	push $\vector
	jmp unexpected
	.endm
	.irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 9, 16, 18, 19, 20
	UNEXPECTED \vector
	.endr
	.irp vector, 8, 10, 11, 12, 13, 14, 17, 21
	UNEXPECTED \vector, 1
	.endr

/* vcpu_block.panic_* */
unexpected:
	movl $PANIC_EXCEPTION, 68(%r15)
	popq 72(%r15)
	popq 80(%r15)
	popq 88(%r15)
	mov %cr2, %rax
	mov %rax, 96(%r15)
	DOORBELL DOORBELL_PANIC
	jmp done

default_ready:
	push %rax
	push %rcx
	push %rdx
	SET_MSR X2APIC_EOI, 0
	movl $0, 4(%r15)
	SET_MSR MSR_ASYNC_PF_ACK, 1
	pop %rdx
	pop %rcx
	pop %rax
	iretq

ignore:
	iretq

	.section .rodata
	.balign 16
	.globl vector_table
	.macro VECTOR vector, handler
	.long \vector, 0
	.quad \handler
	.endm
vector_table:
	.irp vector, 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 16, 17, 18, 19, 20, 21
	VECTOR \vector, unexpected_\vector
	.endr
	VECTOR 6, ON_UNDEFINED
	VECTOR 13, ON_GENERAL_PROTECTION
	VECTOR 14, ON_PAGE_FAULT
	VECTOR VECTOR_TIMER, ON_TIMER
	VECTOR VECTOR_APF_READY, ON_READY
	VECTOR VECTOR_SPURIOUS, ignore
	VECTOR 0, 0

	.section .user_data, "aw", @progbits
	.skip 1024
user_stack_top:
	.quad 0

	.section .bss, "aw", @nobits
	.balign 16
	.globl kernel_stack_top, ist1_stack_top, ist2_stack_top, ist3_stack_top
	.skip 2048
kernel_stack_top:
	.skip 512
ist1_stack_top:
	.skip 512
ist2_stack_top:
	.skip 512
ist3_stack_top:

	.section .user_text, "ax", @progbits
	.section .note.GNU-stack, "", @progbits
	.text
