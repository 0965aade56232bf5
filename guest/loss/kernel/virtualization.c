/*
 * #VE. The busy word stays set until the information is taken: as long as it is, no other #VE can come, so that its stack
 * is this handler's alone. An NMI handler keeps the word set for its own time (nmi.c).
 */
#include "kernel.h"

struct ve_information ve_information __attribute__((aligned(PAGE_SIZE)));

static u32 last_token;

/* The page will never come. */
static struct frame *lost(struct frame *frame, u64 address)
{
	if (from_user(frame))
		return send_signal(frame, SIGNAL_BUS, CODE_BUS_ADRERR, address);
	if (fix_up(frame, ERROR_EIO))
		return frame;
	panic(PANIC_LOST_MEMORY, frame, address);
}

/* Asks the host to bring it back. Only a task with interrupts on can sleep meanwhile: else the vCPU is suspended in the call. */
static struct frame *resolve(struct frame *frame, u64 gva, u64 gpa)
{
	u32 can_continue = (control.features & FEATURE_CAN_CONTINUE) && from_user(frame) && (frame->rflags & RFLAGS_IF);
	u32 token = ++last_token;
	u32 answer;

	control.hypercalls++;
	answer = hypercall(HYPERCALL_RESOLVE, can_continue, gpa, token);
	log_event(LOG_HYPERCALL, can_continue, answer);
	if (answer == RESOLVE_DONE)
		return frame;
	if (answer == RESOLVE_PENDING && can_continue)
		return block_current(frame, token, gva);
	return lost(frame, gva);
}

struct frame *handle_virtualization(struct frame *frame)
{
	u64 gva = ve_information.gva;
	u64 gpa = ve_information.gpa;
	u32 flags = ve_information.flags;
	struct frame *next;

	control.ve++;
	control.ve_at_cpl0 += !from_user(frame);
	log_event(LOG_VE, gva, ve_information.qualification);
	if ((flags & VE_RECOVERABLE) && (control.features & FEATURE_VE_HYPERCALL))
		next = resolve(frame, gva, gpa);
	else
		next = lost(frame, gva);
	/* From here to iretq nothing touches memory that can be lost. */
	ve_information.busy = 0;
	return next;
}

/* A page that a task sleeps for is there, or is lost. */
struct frame *handle_resolved(struct frame *frame)
{
	u32 token = ve_information.resolved_token;
	u32 result = ve_information.resolved_result;
	struct task *task = find_waiting(token);

	lapic_eoi();
	ve_information.resolved_token = 0;
	control.resolved++;
	log_event(LOG_RESOLVED, token, result);
	if (task) {
		wake(task);
		if (result == RESOLVE_LOST)
			send_signal(&task->frame, SIGNAL_BUS, CODE_BUS_ADRERR, task->wait_address);
	} else {
		control.spurious++;
		log_event(LOG_SPURIOUS, token, 0);
	}
	return schedule(frame);
}
