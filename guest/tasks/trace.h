/* Recording of when tasks run: see struct trace_area. All inline: a call would pass arguments in registers that no task has. */
#ifndef GUEST_TRACE_H
#define GUEST_TRACE_H

#include "tasks.h"

#define TRACE_INLINE static inline __attribute__((always_inline))

TRACE_INLINE struct trace_area *trace_area(void)
{
	return (struct trace_area *)((struct mailbox *)MAILBOX_BASE)->trace;
}

TRACE_INLINE struct trace_span *trace_spans(struct trace_lane *lane)
{
	return (struct trace_span *)(lane + 1);
}

/* A lane of its own for the calling task; 0 where nothing is recorded, or no lane is left. */
TRACE_INLINE struct trace_lane *trace_open(u64 block, u32 kind)
{
	struct trace_area *area = trace_area();
	struct trace_lane *lane;
	u32 index = 1;

	if (!area)
		return 0;
	asm volatile("lock xaddl %0, %1" : "+r"(index), "+m"(area->used) : : "memory");
	if (index >= area->lanes)
		return 0;
	lane =
	    (struct trace_lane *)((u64)(area + 1) + index * (sizeof(*lane) + area->spans * sizeof(struct trace_span)));
	lane->kind = kind;
	lane->vcpu = (block - VCPU_BLOCK_BASE) / PAGE_SIZE;
	return lane;
}

/* A page was visited. */
TRACE_INLINE void trace_page(struct trace_lane *lane, u64 start, u64 end, u32 page)
{
	struct trace_span *span = trace_spans(lane) + lane->count;

	if (lane->count == trace_area()->spans) {
		lane->lost++;
		return;
	}
	span->start = start;
	span->end = end;
	span->page = page;
	span->done = tsc_ordered();
	lane->count++;
}

/* Counts as work_task() does, and records when it runs; ends when the lane is full. */
TRACE_INLINE void trace_work(struct trace_lane *lane, volatile u64 *units)
{
	volatile struct trace_span *span = trace_spans(lane);
	u64 now = tsc();

	while (lane->count != trace_area()->spans) {
		u64 last;

		span->start = now;
		lane->count++;
		do {
			++*units;
			span->end = last = now;
			now = tsc();
		} while (now - last <= trace_area()->gap_cycles);
		span++;
	}
	lane->lost++;
}

#endif
