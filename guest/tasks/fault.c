#include "tasks.h"
#include "trace.h"

static u64 next_entry(struct mailbox *shared)
{
	u64 entry = 1;

	asm volatile("lock xaddq %0, %1" : "+r"(entry), "+m"(shared->cursor) : : "memory");
	return entry;
}

static u64 checksum(const u32 *words, u32 page)
{
	u32 a = CHECKSUM_SEED ^ page;
	u32 b = CHECKSUM_SEED ^ ~page;

	for (const u32 *end = words + PAGE_SIZE / sizeof(u32); words != end; words += 2) {
		a = (a ^ words[0]) * CHECKSUM_PRIME;
		b = (b ^ words[1]) * CHECKSUM_PRIME;
	}
	return (u64)b << 32 | a;
}

void fault_task(struct vcpu_block *block)
{
	struct mailbox *shared = (struct mailbox *)MAILBOX_BASE;
	struct trace_lane *lane = trace_open((u64)block, TRACE_FAULT_TASK);
	u64 entry;

	while ((entry = next_entry(shared)) < shared->page_count) {
		u32 page = ((const u32 *)shared->order)[entry];
		const u32 *words = (const u32 *)(shared->window + (u64)page * PAGE_SIZE);
		u64 start = tsc_ordered();
		u64 end;
		u64 sum;

		(void)*(const volatile u32 *)words;
		end = tsc_ordered();
		((u64 *)shared->latencies)[page] = end - start;

		if (shared->starts)
			((u64 *)shared->starts)[page] = start;

		sum = checksum(words, page);
		((u64 *)shared->sums)[page] = sum;
		/* One instruction each: other tasks of this vCPU may come between, but not within. */
		if (shared->expected && ((const u64 *)shared->expected)[page] != sum)
			asm volatile("incq %0" : "+m"(block->mismatches));
		asm volatile("incq %0" : "+m"(block->pages));
		if (lane)
			trace_page(lane, start, end, page);
	}
	task_exit(block);
}
