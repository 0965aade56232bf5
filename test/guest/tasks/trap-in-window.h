/*
 * A page that is first touched by a trap: it holds the instruction and `ret` at 16, the first byte of another one in its last place, and the
 * rest of that one, with its `ret`, in its first. So the fetch of a trap misses one page, or two one after the other.
 */
#ifndef TRAP_IN_WINDOW_H
#define TRAP_IN_WINDOW_H

#include "tasks.h"

/* True when the kernel was there meanwhile and gave back what it should. */
static inline int call_trap(volatile struct vcpu_block *block, u64 code)
{
	u64 taken = block->trap[block->trap_by].taken;
	u64 number = TRAP_NULL;

	asm volatile("call *%1" : "+a"(number) : "d"(code) : "rcx", "memory");
	return number == 0 && block->trap[block->trap_by].taken != taken;
}

static inline void touch_by_trap(struct vcpu_block *block, const struct mailbox *shared, u32 page)
{
	u64 code = shared->window + (u64)page * PAGE_SIZE;

	if (page + 1 < shared->page_count && !call_trap(block, code + PAGE_SIZE - 1))
		asm volatile("incq %0" : "+m"(block->mismatches));
	if (!call_trap(block, code + 16))
		asm volatile("incq %0" : "+m"(block->mismatches));
}

#endif
