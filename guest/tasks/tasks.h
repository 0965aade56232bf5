/* The programs that run at CPL3. They share no writable data with the kernel but the mailbox, the tables and their vcpu_block. */
#ifndef GUEST_TASKS_H
#define GUEST_TASKS_H

#include "abi.h"

/* Visits pages of the window until the order table is used up. */
void fault_task(struct vcpu_block *block);
/* Counts, for ever. */
void work_task(volatile u64 *units);
/* Measures what a null trap costs, once, at boot. */
void calibrate_task_main(struct vcpu_block *block);

static inline u64 trap(u64 number)
{
	u64 result;

	asm volatile("ud2" : "=a"(result) : "a"(number) : "memory");
	return result;
}

static inline _Noreturn void task_exit(void)
{
	for (;;)
		trap(TRAP_EXIT);
}

/* The fences keep the timed access between its two readings. */
static inline u64 tsc_ordered(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

#endif
