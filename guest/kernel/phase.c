#include "phase.h"

#include "lapic.h"
#include "scheduler.h"

static u32 phase;
static u32 phase_open; /* being recorded; closed while this vCPU waits at the barrier */
static u32 ticks_left; /* of a control phase */

static u64 work_sum(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < mailbox->work_tasks; i++)
		sum += block->work[i];
	return sum;
}

static u64 kernel_cycles(void)
{
	counters_flush();
	return block->cycles_not_present + block->cycles_ready + block->cycles_tick + block->cycles_trap;
}

static void ring_bell(void)
{
	if (unlikely(mailbox->flags & MAILBOX_PHASE_BELLS))
		doorbell(DOORBELL_PHASE);
}

static void open_phase(u32 next)
{
	struct phase_record *record = &block->phase[next];

	ring_bell();
	phase = next;
	phase_open = 1;
	ticks_left = mailbox->control_ticks;
	block->state = STATE_CONTROL_BEFORE + next;
	record->work_start = work_sum();
	record->kernel_cycles_start = kernel_cycles();
	record->tsc_start = rdtsc();
}

static void close_phase(void)
{
	struct phase_record *record = &block->phase[phase];

	record->tsc_end = rdtsc();
	record->work_end = work_sum();
	record->kernel_cycles_end = kernel_cycles();
	phase_open = 0;
	ring_bell();
}

static void reach_barrier(void)
{
	__atomic_fetch_add(&mailbox->barrier[phase], 1, __ATOMIC_SEQ_CST);
}

static _Noreturn void finish(void)
{
	counters_flush();
	block->state = STATE_DONE;
	doorbell(DOORBELL_DONE);
	halt_forever();
}

static void start_paging(void)
{
	open_phase(PHASE_PAGING);
	for (u32 i = 0; i < mailbox->fault_tasks; i++)
		woken_append(&tasks[i].task);
}

static void next_phase(void)
{
	if (phase == PHASE_CONTROL_BEFORE)
		start_paging();
	else if (phase == PHASE_PAGING && mailbox->control_ticks)
		open_phase(PHASE_CONTROL_AFTER);
	else
		finish();
}

void phase_start(void)
{
	u32 fault_tasks = mailbox->fault_tasks;
	u32 work_tasks = mailbox->work_tasks;

	for (u32 i = 0; i < work_tasks; i++)
		ring_append(&tasks[fault_tasks + i].task);
	lapic_timer_start(mailbox->timer_count);
	if (mailbox->control_ticks)
		open_phase(PHASE_CONTROL_BEFORE);
	else
		start_paging();
}

void phase_tick(void)
{
	if (unlikely(mailbox->flags & MAILBOX_STOP)) {
		if (phase_open)
			close_phase();
		finish();
	}
	if (!phase_open) {
		if (mailbox->barrier[phase] >= mailbox->vcpu_count)
			next_phase();
	} else if (phase != PHASE_PAGING && --ticks_left == 0) {
		close_phase();
		reach_barrier();
	}
}

void phase_fault_task_done(void)
{
	if (++block->fault_tasks_done == mailbox->fault_tasks) {
		close_phase();
		reach_barrier();
	}
}
