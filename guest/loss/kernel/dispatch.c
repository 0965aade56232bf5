/* From a vector to its handler. */
#include "kernel.h"

static struct frame *handle_timer(struct frame *frame)
{
	lapic_eoi();
	control.ticks++;
	return schedule(frame);
}

struct frame *dispatch(struct frame *frame)
{
	switch (frame->vector) {
	case VECTOR_UD:
		return handle_trap(frame);
	case VECTOR_PF:
		return handle_page_fault(frame);
	case VECTOR_VE:
		return handle_virtualization(frame);
	case VECTOR_MC:
		return handle_machine_check(frame);
	case VECTOR_NMI:
		return handle_nmi(frame);
	case VECTOR_APF_READY:
		return handle_ready(frame);
	case VECTOR_RESOLVED:
		return handle_resolved(frame);
	case VECTOR_TIMER:
		return handle_timer(frame);
	default:
		panic(PANIC_EXCEPTION, frame, read_cr2());
	}
}
