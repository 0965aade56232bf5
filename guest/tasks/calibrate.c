#include "tasks.h"

static void calibrate(struct vcpu_block *block, u32 by)
{
	volatile u64 *kernel_cycles = &block->cycles_trap;
	u64 fastest = ~0ull, fastest_kernel = 0;

	/* The wake-up-all event that follows enabling APF arrives with the first instruction here: it spoils one of the traps. */
	for (u32 i = 0; i < CALIBRATION_TRAPS; i++) {
		u64 kernel_start = *kernel_cycles;
		u64 start = tsc_ordered();
		u64 cycles;

		trap(by, TRAP_NULL);
		cycles = tsc_ordered() - start;
		if (cycles < fastest) {
			fastest = cycles;
			fastest_kernel = *kernel_cycles - kernel_start;
		}
	}
	block->trap[by].null_cycles = fastest;
	block->trap[by].null_kernel_cycles = fastest_kernel;
}

void calibrate_task_main(struct vcpu_block *block)
{
	for (u32 by = TRAP_BY_AUTO + 1; by < TRAP_BY_COUNT; by++)
		if (block->trap[by].probe == PROBE_WORKS)
			calibrate(block, by);
	task_exit(block);
}
