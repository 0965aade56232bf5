#include "scheduler.h"

#include "tasks.h"

struct task_slot tasks[MAX_TASKS + 2];
u64 other_switches;
struct task *woken_last;

#define USER_STACK_BYTES 512
static u8 user_stacks[MAX_TASKS + 1][USER_STACK_BYTES]
    __attribute__((aligned(16), section(".user_bss,\"aw\",@nobits#")));

static void task_init(struct task *task, enum task_kind kind, u32 index, void *entry, void *argument, u8 *stack)
{
	task->kind = kind;
	task->index = index;
	task->frame.rip = (u64)entry;
	task->frame.cs = SELECTOR_USER_CODE;
	task->frame.ss = SELECTOR_USER_DATA;
	task->frame.rflags = RFLAGS_FIXED | RFLAGS_IF;
	task->frame.rsp = (u64)(stack + USER_STACK_BYTES - sizeof(u64)); /* as after a call */
	task->frame.rdi = (u64)argument;
}

/* Interrupts are on here: the frame they push at CPL0 lands where one from CPL3 would, because rsp is the end of the task's frame. */
static _Noreturn void idle_loop(void)
{
	for (;;)
		asm volatile("incq %c0(%%r15); sti; hlt" : : "i"(offset_of(struct vcpu_block, idle)) : "memory");
}

void scheduler_init(void)
{
	u32 fault_tasks = mailbox->fault_tasks;
	u32 work_tasks = mailbox->work_tasks;
	struct task *idle = idle_task;

	idle->kind = TASK_IDLE;
	idle->frame.rip = (u64)idle_loop;
	idle->frame.cs = SELECTOR_KERNEL_CODE;
	idle->frame.ss = SELECTOR_KERNEL_DATA;
	idle->frame.rflags = RFLAGS_FIXED | RFLAGS_IF;
	idle->frame.rsp = (u64)(&idle->frame + 1);
	idle->next = idle->prev = idle;
	woken_first = 0;

	for (u32 i = 0; i < fault_tasks; i++)
		task_init(&tasks[i].task, TASK_FAULT, i, fault_task, block, user_stacks[i]);
	for (u32 i = 0; i < work_tasks; i++)
		task_init(&tasks[fault_tasks + i].task, TASK_WORK, i, work_task, &block->work[i],
			  user_stacks[fault_tasks + i]);
	boot_task->next = boot_task->prev = rr_front = boot_task;
	switch_to(boot_task);
}

void boot_task_init(enum task_kind kind, void (*program)(struct vcpu_block *))
{
	task_init(boot_task, kind, 0, program, block, user_stacks[MAX_TASKS]);
}

void boot_task_resume(void)
{
	entry_tsc = (u32)rdtsc();
	RESUME_TRAP();
}

void ring_append(struct task *task)
{
	if (rr_front == idle_task) {
		task->next = task->prev = task;
		rr_front = task;
		return;
	}
	task->next = rr_front;
	task->prev = rr_front->prev;
	task->prev->next = task;
	rr_front->prev = task;
}

void ring_remove_current(void)
{
	struct task *next = current->next;

	if (next == current) {
		rr_front = idle_task;
		return;
	}
	next->prev = current->prev;
	next->prev->next = next;
	rr_front = next;
}

/*
 * A tick may find a boosted task by chance, just before it blocks again: ending its boost there and then would charge the
 * page fault it serves with the slices of all work tasks. Boosted tasks in several ticks on end are no chance: one of them
 * goes to the ring, so they can never starve it.
 */
#define BOOST_TICKS 2

void scheduler_tick(void)
{
	static u32 boosted_ticks; /* on end */
	struct task *before = current;

	if (current == rr_front) {
		boosted_ticks = 0;
		rr_front = rr_front->next;
	} else {
		if (++boosted_ticks < BOOST_TICKS)
			return;
		boosted_ticks = 0;
		ring_append(current);
	}
	switch_away();
	if (current != before)
		other_switches++;
}
