/* What runs at CPL3, and how it traps. */
#ifndef LOSS_TASK_H
#define LOSS_TASK_H

#include "loss-abi.h"

#define TASK_TRAP_END 1
#define TASK_TRAP_ACCESS 2     /* rdi: gva, rsi: ACCESS_KERNEL_*, rdx: value, r8: flags; rax: errno or 0, rdx: value */
#define TASK_TRAP_INTERRUPTS 3 /* rdi: RFLAGS.IF from now on */
#define TASK_TRAP_SIGNAL_RETURN 4 /* rdi: signal frame */
#define TASK_TRAP_WAIT 5          /* until any interrupt comes */

/* What a task waits for that waits for nothing in particular. No event's token has these bits. */
#define TOKEN_ANY_INTERRUPT 0x100000000ull

/* What the kernel pushes for a signal handler. */
struct signal_frame {
	u32 signal, code;
	u64 address;
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 rip, rsp, rflags;
};

/* Runs program `index` of the control block. */
void task_main(struct control *control, u64 index);
/* Notes the signal as the outcome of the access, and goes on behind it. */
void task_signal(struct signal_frame *frame);

#endif
