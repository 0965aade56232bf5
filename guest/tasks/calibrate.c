#include "tasks.h"

#define NULL_TRAPS 64

void calibrate_task_main(struct vcpu_block *block)
{
	volatile u64 *kernel_cycles = &block->cycles_trap;
	u64 fastest = ~0ull, fastest_kernel = 0;

	/* The wake-up-all event that follows enabling APF arrives with the first instruction here: it spoils one of the traps. */
	for (u32 i = 0; i < NULL_TRAPS; i++) {
		u64 kernel_start = *kernel_cycles;
		u64 start = tsc_ordered();
		u64 cycles;

		trap(TRAP_NULL);
		cycles = tsc_ordered() - start;
		if (cycles < fastest) {
			fastest = cycles;
			fastest_kernel = *kernel_cycles - kernel_start;
		}
	}
	block->null_trap_cycles = fastest;
	block->null_trap_kernel_cycles = fastest_kernel;
	task_exit();
}
