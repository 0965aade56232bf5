/* From the VMM's hands to the first task. */
#include "kernel.h"

struct control control __attribute__((section(".user_bss"), aligned(PAGE_SIZE)));

_Noreturn void resume_frame(struct frame *frame);

void kernel_main(void)
{
	if (control.magic != LOSS_MAGIC || control.abi_version != LOSS_ABI_VERSION ||
	    control.window_pages > LOSS_WINDOW_PAGES)
		panic(PANIC_BAD_MAILBOX, 0, 0);
	lapic_start();
	async_pf_start();
	doorbell(DOORBELL_BOOTED);
	scheduler_start();
	resume_frame(schedule(&current->frame));
}
