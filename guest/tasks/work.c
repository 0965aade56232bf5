#include "tasks.h"

void work_task(struct vcpu_block *block, u64 index)
{
	volatile u64 *units = &block->work[index];

	for (;;)
		++*units;
}
