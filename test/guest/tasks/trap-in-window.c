/*
 * A fault task whose traps lie in the window: each page holds the instruction and `ret` at 16, its first byte in the last place and the second
 * one, with another `ret`, in the first. So the fetch of a trap misses one page, or two one after the other.
 */
#include "tasks.h"

static u64 call_trap(u64 code)
{
	u64 number = TRAP_NULL;

	asm volatile("call *%1" : "+a"(number) : "d"(code) : "rcx", "memory");
	return number;
}

void fault_task(struct vcpu_block *block)
{
	struct mailbox *shared = (struct mailbox *)MAILBOX_BASE;
	u64 entry = 1;

	for (;;) {
		entry = 1;
		asm volatile("lock xaddq %0, %1" : "+r"(entry), "+m"(shared->cursor) : : "memory");
		if (entry >= shared->page_count)
			task_exit(block);

		u32 page = ((const u32 *)shared->order)[entry];
		u64 code = shared->window + (u64)page * PAGE_SIZE;
		u64 results = 0;

		if (page + 1 < shared->page_count)
			results |= call_trap(code + PAGE_SIZE - 1);
		results |= call_trap(code + 16);
		if (results)
			asm volatile("incq %0" : "+m"(block->mismatches));
		asm volatile("incq %0" : "+m"(block->pages));
	}
}
