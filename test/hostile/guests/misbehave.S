/* One vCPU that does one thing no VMM expects; which one is the number BEHAVIOUR. */
/* Values of BEHAVIOUR. */
#define TRIPLE_FAULT 1
#define HALT_FOREVER 2
#define LOOP_CPL0 3
#define LOOP_CPL3 4
#define LOOP_CPL3_IF_OFF 5
#define OUT_UNKNOWN 6
#define OUT_BYTE_TO_DOORBELL 7
#define IN 8
#define STRING_OUT 9
#define STRING_IN 10
#define UNKNOWN_DOORBELLS 11
#define MMIO_READ 12
#define MMIO_WRITE_CPL3 13
#define WINDOW_AT_CPL0 14
#define IDT_IN_WINDOW 15
#define GDT_IN_WINDOW 16
#define CLOCK_IN_WINDOW 17
#define INIT_TO_SELF 18
#define ROOT_IN_WINDOW 19
#define ROOT_OUTSIDE 20
#define TABLE_IN_WINDOW 21
#define LEAVE_LONG_MODE 22
#define GARBAGE_EVERYWHERE 23
#define GARBAGE_PANIC 24
#define HYPERCALL 25
#define SYSCALL_INTO_WINDOW 26
#define SYSRET_NOT_CANONICAL 27
#define LSTAR_NOT_CANONICAL 28
#include "hostile.h"

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082

#define WINDOW_END (WINDOW_BASE + 0x1ff000) /* mapped by the loader's large page, but there is no memory behind it */

main:
#if BEHAVIOUR == TRIPLE_FAULT
	lidt no_idt
	ud2
#elif BEHAVIOUR == HALT_FOREVER
1:	cli
	hlt
	jmp 1b
#elif BEHAVIOUR == LOOP_CPL0
1:	jmp 1b
#elif BEHAVIOUR == LOOP_CPL3 || BEHAVIOUR == LOOP_CPL3_IF_OFF
#if BEHAVIOUR == LOOP_CPL3
	ENTER_USER loop
#else
	ENTER_USER loop, IF_OFF
#endif
#elif BEHAVIOUR == OUT_UNKNOWN
	out %al, $0x80
#elif BEHAVIOUR == OUT_BYTE_TO_DOORBELL
	mov $DOORBELL_DONE, %al
	out %al, $DOORBELL_PORT
	jmp main
#elif BEHAVIOUR == IN
	in $DOORBELL_PORT, %eax
#elif BEHAVIOUR == STRING_OUT
	mov $main, %esi
	mov $64, %ecx
	mov $DOORBELL_PORT, %edx
	rep outsb
	jmp main
#elif BEHAVIOUR == STRING_IN
	mov $kernel_stack_top, %edi
	mov $16, %ecx
	mov $DOORBELL_PORT, %edx
	rep insb
#elif BEHAVIOUR == UNKNOWN_DOORBELLS
	xor %eax, %eax
1:	add $0x1000, %eax
	out %eax, $DOORBELL_PORT
	jmp 1b
#elif BEHAVIOUR == MMIO_READ
	movabs $WINDOW_END, %rax
	mov (%rax), %rax
#elif BEHAVIOUR == MMIO_WRITE_CPL3
	ENTER_USER user_mmio
#elif BEHAVIOUR == WINDOW_AT_CPL0
	movabs $WINDOW_BASE, %rax
	mov (%rax), %rax
	jmp done
#elif BEHAVIOUR == IDT_IN_WINDOW
	lidt window_idt
	ENTER_USER user_trap
#elif BEHAVIOUR == GDT_IN_WINDOW
	lgdt window_gdt
	ENTER_USER user_load_segment
#elif BEHAVIOUR == CLOCK_IN_WINDOW
	SET_MSR 0x4b564d01, WINDOW_BASE + 0x5001 /* system time */
	SET_MSR 0x4b564d03, WINDOW_BASE + 0x6001 /* steal time */
	SET_MSR 0x4b564d04, WINDOW_BASE + 0x7001 /* end of interrupt */
	ENTER_USER user_trap
#elif BEHAVIOUR == INIT_TO_SELF
	mov $0x830, %ecx
	xor %edx, %edx
	mov $0x4500, %eax
	wrmsr
1:	jmp 1b
#elif BEHAVIOUR == ROOT_IN_WINDOW
	movabs $WINDOW_BASE + 0x3000, %rax
	mov %rax, %cr3
	jmp done
#elif BEHAVIOUR == ROOT_OUTSIDE
	movabs $0x7ffffff000, %rax
	mov %rax, %cr3
	jmp done
#elif BEHAVIOUR == TABLE_IN_WINDOW
	/* A top table in the tables' memory: its first entry points at a missing page. */
	mov $TABLES_BASE, %edi
	movabs $WINDOW_BASE + 0x3007, %rax
	mov %rax, (%rdi)
	mov %rdi, %cr3
	jmp done
#elif BEHAVIOUR == LEAVE_LONG_MODE
	mov %cr4, %rax
	and $~0x20, %rax
	mov %rax, %cr4
	jmp done
#elif BEHAVIOUR == GARBAGE_EVERYWHERE
	/* Mailbox and own block. */
	mov $MAILBOX_BASE, %edi
	mov $2 * PAGE_SIZE / 8, %ecx
	mov $-1, %rax
	rep stosq
	ENTER_USER user_garbage
#elif BEHAVIOUR == GARBAGE_PANIC
	mov $VCPU_BLOCK_BASE, %edi
	mov $PAGE_SIZE / 8, %ecx
	mov $-1, %rax
	rep stosq
	DOORBELL DOORBELL_PANIC
	jmp done
#elif BEHAVIOUR == HYPERCALL
	mov $1, %eax
	vmmcall
	jmp done
#elif BEHAVIOUR == SYSCALL_INTO_WINDOW
	SET_MSR MSR_STAR, (SELECTOR_KERNEL_CODE << 32)
	SET_MSR MSR_LSTAR, WINDOW_BASE + 16
	ENTER_USER user_syscall
#elif BEHAVIOUR == SYSRET_NOT_CANONICAL
	SET_MSR MSR_STAR, (SELECTOR_KERNEL_DATA | 3) << 48
	movabs $0x800000000000, %rcx
	mov $IF_ON, %r11d
	sysretq
#elif BEHAVIOUR == LSTAR_NOT_CANONICAL
	SET_MSR MSR_LSTAR, 0x800000000000
#else
#error "unknown BEHAVIOUR"
#endif
	jmp done

	.section .rodata
no_idt:	.word 0
	.quad 0
window_idt:
	.word 0xfff
	.quad WINDOW_BASE + 0x8000
window_gdt:
	.word 0xfff
	.quad WINDOW_BASE + 0x9000

	.section .user_text
loop:	jmp loop
user_mmio:
	movabs $WINDOW_END, %rax
	mov %rax, (%rax)
	ud2
user_trap:
	ud2
user_syscall:
	syscall
	ud2
user_load_segment:
	mov $SELECTOR_USER_DATA, %eax
	mov %eax, %es
	ud2
user_garbage:
	/* Then tables, over and over, with the state word moving. */
	mov $TABLES_BASE, %edi
	mov $0x1000, %ecx
	rep stosq
	add $0x0123456789abcdef, %eax
	incq VCPU_BLOCK_BASE + 64
	jmp user_garbage
