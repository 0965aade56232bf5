#include "tasks.h"
#include "trace.h"

void work_task(volatile u64 *units)
{
	/* `units` is in the task's vcpu_block, which has a page of its own. */
	struct trace_lane *lane = trace_open((u64)units & ~(u64)(PAGE_SIZE - 1), TRACE_WORK_TASK);

	if (lane)
		trace_work(lane, units);
	for (;;)
		++*units;
}
