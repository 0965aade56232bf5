/* The end of the guest's life, told through the control block and the doorbell. */
#include "kernel.h"

void panic(u32 code, const struct frame *frame, u64 address)
{
	log_event(LOG_PANIC, code, address);
	control.panic_vector = frame ? frame->vector : 0;
	control.panic_error = frame ? frame->error : 0;
	control.panic_rip = frame ? frame->rip : 0;
	control.panic_cpl = frame ? frame->cs & 3 : 0;
	control.panic_address = address;
	control.panic_code = code;
	doorbell(DOORBELL_PANIC);
	for (;;)
		asm volatile("cli; hlt");
}
