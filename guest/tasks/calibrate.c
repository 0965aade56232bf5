#include "tasks.h"

#define NULL_TRAPS 64
#define WARM_UP_TRAPS 4

void calibrate_task_main(struct vcpu_block *block)
{
	volatile u64 *kernel_cycles = &block->cycles_trap;
	u64 start, kernel_start;

	/* The wake-up-all event that follows enabling APF arrives with the first instruction here: let it pass. */
	for (u32 i = 0; i < WARM_UP_TRAPS; i++)
		trap(TRAP_NULL);
	kernel_start = *kernel_cycles;
	start = tsc_ordered();
	for (u32 i = 0; i < NULL_TRAPS; i++)
		trap(TRAP_NULL);
	block->null_trap_cycles = tsc_ordered() - start;
	block->null_trap_kernel_cycles = *kernel_cycles - kernel_start;
	block->null_traps = NULL_TRAPS;
	task_exit();
}
