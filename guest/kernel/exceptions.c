/* Exceptions that have no handler of their own. */
#include "apf.h"
#include "probe.h"

void task_exception(u64 vector, u64 error, u64 rip)
{
	if (probing)
		probe_exception(vector, rip);
	panic_exception(vector, error, rip);
}

void handle_exception(const struct exception *exception)
{
	if (exception->vector == VECTOR_PF)
		apf_check_reason();
	/* One of a task's lies where its frame is; others are the kernel's own, or have a stack of their own. */
	if (&exception->rip == &current->frame.rip)
		task_exception(exception->vector, exception->error, exception->rip);
	panic_exception(exception->vector, exception->error, exception->rip);
}
