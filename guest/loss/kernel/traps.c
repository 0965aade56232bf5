/* What tasks ask of the kernel: `ud2`, which traps on every host; number in rax, arguments in rdi and rsi, result in rax. */
#include "kernel.h"

#include "task.h"

#define UD2_OPCODE 0x0b0f
#define UD2_BYTES 2

/* The task's access by the kernel: 0 or an errno in the low half, the value goes to *value. */
static u64 access_for_task(u64 access, u64 address, u64 *value)
{
	switch (access) {
	case ACCESS_KERNEL_READ:
		return guarded_read((const void *)address, value);
	case ACCESS_KERNEL_WRITE:
		return guarded_write((void *)address, *value);
	case ACCESS_KERNEL_LOAD:
		*value = *(const volatile u64 *)address;
		return 0;
	case ACCESS_KERNEL_STORE:
		*(volatile u64 *)address = *value;
		return 0;
	default:
		panic(PANIC_BAD_PROGRAM, 0, access);
	}
}

static u64 trap_access(struct frame *frame)
{
	u64 value = frame->rdx;
	u64 error;

	if (frame->r8 & ACCESS_FLIP_INTERRUPTS)
		asm volatile("sti" : : : "memory");
	error = access_for_task(frame->rsi, frame->rdi, &value);
	if (frame->r8 & ACCESS_FLIP_INTERRUPTS)
		asm volatile("cli" : : : "memory");
	frame->rdx = value;
	return error;
}

struct frame *handle_trap(struct frame *frame)
{
	if (!from_user(frame) || *(const u16 *)frame->rip != UD2_OPCODE)
		panic(PANIC_EXCEPTION, frame, frame->rip);
	frame->rip += UD2_BYTES;
	switch (frame->rax) {
	case TASK_TRAP_END:
		return end_current();
	case TASK_TRAP_ACCESS:
		frame->rax = trap_access(frame);
		return frame;
	case TASK_TRAP_INTERRUPTS:
		frame->rflags = (frame->rflags & ~(u64)RFLAGS_IF) | (frame->rdi ? RFLAGS_IF : 0);
		return frame;
	case TASK_TRAP_SIGNAL_RETURN:
		return signal_return(frame);
	case TASK_TRAP_WAIT:
		/* Until any interrupt: idle is where those are taken. */
		return block_current(frame, TOKEN_ANY_INTERRUPT, 0);
	default:
		panic(PANIC_BAD_PROGRAM, frame, frame->rax);
	}
}
