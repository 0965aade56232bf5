/* From the VMM's hands to the first task. */
#include "apf.h"
#include "lapic.h"
#include "probe.h"
#include "scheduler.h"
#include "tasks.h"
#include "traps.h"

static int mailbox_is_sound(void)
{
	u32 fault_tasks = mailbox->fault_tasks;
	u32 work_tasks = mailbox->work_tasks;
	u32 vcpus = mailbox->vcpu_count;

	return mailbox->magic == ABI_MAGIC && mailbox->abi_version == ABI_VERSION && vcpus >= 1 && vcpus <= MAX_VCPUS &&
	       fault_tasks >= 1 && fault_tasks <= MAX_TASKS && work_tasks < MAX_TASKS &&
	       fault_tasks + work_tasks <= MAX_TASKS && mailbox->timer_count && mailbox->trap_by < TRAP_BY_COUNT;
}

/* Entry is a jump from _start, which has set `block`: the registers of the kernel's own hold anything else. */
void kernel_main(u64 vcpu_index, struct vcpu_block *own_block, u64 tss)
{
	cycles_not_present = cycles_ready = ready = not_present = 0;
	if (!mailbox_is_sound() || vcpu_index >= mailbox->vcpu_count ||
	    (u64)own_block != VCPU_BLOCK_BASE + vcpu_index * PAGE_SIZE ||
	    tss != DESCRIPTOR_BASE + vcpu_index * PAGE_SIZE + TSS_OFFSET)
		panic(PANIC_BAD_MAILBOX);
	scheduler_init();
	traps_init();
	probe_start();
}

void kernel_start(void)
{
	lapic_init();
	apf_init();
	doorbell(DOORBELL_BOOTED);
	boot_task_init(TASK_CALIBRATE, calibrate_task_main);
	boot_task_resume();
}
