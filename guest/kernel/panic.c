/* The end of a vCPU's life, told through its vcpu_block and the doorbell. */
#include "kernel.h"

void halt_forever(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

void panic(u32 code)
{
	counters_flush();
	block->panic_code = code;
	block->state = STATE_PANIC;
	doorbell(DOORBELL_PANIC);
	halt_forever();
}

void panic_exception(u64 vector, u64 error, u64 rip)
{
	block->panic_vector = vector;
	block->panic_error = error;
	block->panic_rip = rip;
	block->panic_cr2 = read_cr2();
	panic(PANIC_EXCEPTION);
}
