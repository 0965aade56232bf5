#include "tasks.h"

void work_task(volatile u64 *units)
{
	for (;;)
		++*units;
}
