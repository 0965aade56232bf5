/* Signals: a frame on the task's own stack, its handler at CPL3, and the way back. */
#include "kernel.h"

#include "task.h"

#define GENERAL_REGISTERS 15 /* all but rsp */

/* r15 to rax: in the same order in both frames. */
static void copy_registers(u64 *to, const u64 *from)
{
	for (u32 at = 0; at < GENERAL_REGISTERS; at++)
		to[at] = from[at];
}

/* Where a task's stack is, its handler's frame fits; a task that broke its own stack is none of ours. */
struct frame *send_signal(struct frame *frame, u32 signal, u32 code, u64 address)
{
	struct signal_frame *pushed = (struct signal_frame *)((frame->rsp - sizeof(struct signal_frame)) & ~15ull);

	log_event(LOG_SIGNAL, address, (u64)signal << 32 | code);
	control.signals++;
	pushed->signal = signal;
	pushed->code = code;
	pushed->address = address;
	copy_registers(&pushed->r15, &frame->r15);
	pushed->rip = frame->rip;
	pushed->rsp = frame->rsp;
	pushed->rflags = frame->rflags;
	frame->rip = (u64)task_signal;
	/* As behind a call, whose return address nobody uses. */
	frame->rsp = (u64)pushed - 8;
	frame->rdi = (u64)pushed;
	return frame;
}

/* The task's handler is done; rdi is its signal frame. */
struct frame *signal_return(struct frame *frame)
{
	const struct signal_frame *pushed = (const struct signal_frame *)frame->rdi;

	frame->rip = pushed->rip;
	frame->rsp = pushed->rsp;
	frame->rflags = (pushed->rflags & RFLAGS_IF) | RFLAGS_FIXED;
	copy_registers(&frame->r15, &pushed->r15);
	return frame;
}
