/* The programs that run at CPL3. They share no writable data with the kernel but the mailbox, the tables and their vcpu_block. */
#ifndef GUEST_TASKS_H
#define GUEST_TASKS_H

#include "abi.h"

/* Visits pages of the window until the order table is used up. */
void fault_task(struct vcpu_block *block);
/* Counts, for ever. */
void work_task(volatile u64 *units);
/* Each executes one trap instruction and ends there. */
void probe_syscall(struct vcpu_block *block);
void probe_int80(struct vcpu_block *block);
void probe_ud2(struct vcpu_block *block);
/* Measures what a null trap costs by each instruction that works, once, at boot. */
void calibrate_task_main(struct vcpu_block *block);

/* By the instruction TRAP_BY_*. `syscall` takes rcx; r11, which it takes too, no task has. */
static inline u64 trap(u32 by, u64 number)
{
	if (by == TRAP_BY_SYSCALL)
		asm volatile("syscall" : "+a"(number) : : "rcx", "memory");
	else if (by == TRAP_BY_INT80)
		asm volatile("int $0x80" : "+a"(number) : : "rcx", "memory");
	else
		asm volatile("ud2" : "+a"(number) : : "rcx", "memory");
	return number;
}

static inline _Noreturn void task_exit(struct vcpu_block *block)
{
	for (;;)
		trap(block->trap_by, TRAP_EXIT);
}

static inline u64 tsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

/* The fences keep the timed access between its two readings. */
static inline u64 tsc_ordered(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

#endif
