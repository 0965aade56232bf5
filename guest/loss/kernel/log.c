/* The event log: a ring that the VMM reads. */
#include "kernel.h"

struct event_log event_log __attribute__((aligned(PAGE_SIZE)));

/*
 * An NMI may come between any two instructions: the place is taken by one instruction, before it is filled. So may an
 * exit: the kind is written last, since the VMM leaves an entry without one for later.
 */
void log_event(u32 kind, u64 a, u64 b)
{
	struct log_entry *entry;
	u64 at = 1;

	if (!(control.features & FEATURE_LOG))
		return;
	asm volatile("xaddq %0, %1" : "+r"(at), "+m"(event_log.count));
	entry = &event_log.entry[at % LOSS_LOG_ENTRIES];
	entry->tsc = rdtsc();
	entry->task = current->index;
	entry->a = a;
	entry->b = b;
	asm volatile("" : : : "memory");
	entry->kind = kind;
}
