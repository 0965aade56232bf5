/* Traps from CPL3 and the tick. */
#include "lapic.h"
#include "phase.h"
#include "scheduler.h"

#define VECTOR_UD 6
#define UD2_OPCODE 0x0b0f
#define UD2_BYTES 2

static void trap_exit(void)
{
	struct task *task = current;

	if (task->kind == TASK_CALIBRATE)
		phase_start();
	else if (task->kind == TASK_FAULT)
		phase_fault_task_done();
	block_current(); /* nobody will wake it */
	other_switches++;
}

void handle_trap(void)
{
	u64 number = current->frame.rax;

	if (unlikely(*(const u16 *)current->frame.rip != UD2_OPCODE))
		panic_exception(VECTOR_UD, 0, current->frame.rip, 0);
	block->traps++;
	current->frame.rip += UD2_BYTES;
	current->frame.rax = 0;
	if (number != TRAP_NULL) {
		if (number != TRAP_EXIT)
			panic(PANIC_BAD_TRAP);
		trap_exit();
	}
	RESUME_TRAP();
}

void handle_timer(void)
{
	lapic_eoi();
	block->ticks++;
	counters_flush();
	phase_tick();
	scheduler_tick();
	RESUME_TICK();
}
