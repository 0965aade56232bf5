/* Tasks take turns when they block, when they end, and at each tick. */
#include "kernel.h"

#include "task.h"

#define TSS_RSP0 4
#define tss_rsp0 (*(u64 *)(DESCRIPTOR_BASE + TSS_OFFSET + TSS_RSP0))

struct task tasks[LOSS_MAX_TASKS + 1];
struct task *current = idle_task;

static u8 task_stacks[LOSS_MAX_TASKS][TASK_STACK_BYTES] __attribute__((section(".user_bss"), aligned(16)));

static _Noreturn void idle_main(void)
{
	for (;;)
		asm volatile("sti; hlt; cli" : : : "memory");
}

void scheduler_start(void)
{
	for (u32 index = 0; index < LOSS_MAX_TASKS; index++) {
		struct task *task = &tasks[index];

		task->index = index;
		task->state = control.program[index].count ? TASK_READY : TASK_ABSENT;
		control.program[index].state = task->state == TASK_READY;
		control.program[index].progress = 0;
		task->frame = (struct frame){
		    .rip = (u64)task_main,
		    .cs = SELECTOR_USER_CODE,
		    .rflags = RFLAGS_FIXED | RFLAGS_IF,
		    .rsp = (u64)task_stacks[index + 1],
		    .ss = SELECTOR_USER_DATA,
		    .rdi = (u64)&control,
		    .rsi = index,
		};
	}
	/* An interrupt at CPL0 pushes below rsp: idle's frame so lands at the end of its stack, like everyone's. */
	idle_task->index = LOSS_MAX_TASKS;
	idle_task->state = TASK_READY;
	idle_task->frame = (struct frame){
	    .rip = (u64)idle_main,
	    .cs = SELECTOR_KERNEL_CODE,
	    .rflags = RFLAGS_FIXED,
	    .rsp = (u64)(&idle_task->frame + 1),
	    .ss = SELECTOR_KERNEL_DATA,
	};
	current = idle_task;
}

static struct frame *switch_to(struct task *task)
{
	if (task != current) {
		current = task;
		control.switches++;
		log_event(LOG_SWITCH, task->index, 0);
	}
	tss_rsp0 = (u64)(&task->frame + 1);
	return &task->frame;
}

/* The frame of the task whose turn is next: whoever can run, the current one last; idle where nobody can. */
static struct frame *next(void)
{
	u32 waiting;

	do {
		u32 from = current->index;

		waiting = 0;
		for (u32 step = 1; step <= LOSS_MAX_TASKS + 1; step++) {
			struct task *task = &tasks[(from + step) % (LOSS_MAX_TASKS + 1)];

			waiting += task->state == TASK_WAITS;
			if (task != idle_task && task->state == TASK_READY)
				return switch_to(task);
		}
		if (!waiting) {
			doorbell(DOORBELL_DONE);
			/* The VMM has written new programs, or the same are run once more. */
			scheduler_start();
		}
	} while (!waiting);
	control.idle++;
	switch_to(idle_task);
	log_event(LOG_IDLE, 0, 0);
	/* Idle starts anew each time. */
	idle_task->frame.rip = (u64)idle_main;
	idle_task->frame.rsp = (u64)(&idle_task->frame + 1);
	doorbell(DOORBELL_IDLE);
	return &idle_task->frame;
}

/* The current task waits for `token`; it goes on where `frame` says, which may lie on an interrupt stack. */
struct frame *block_current(struct frame *frame, u64 token, u64 address)
{
	if (frame != &current->frame)
		current->frame = *frame;
	current->state = TASK_WAITS;
	current->token = token;
	current->wait_address = address;
	log_event(LOG_BLOCK, token, address);
	return next();
}

struct frame *end_current(void)
{
	current->state = TASK_ENDED;
	control.program[current->index].state = 0;
	log_event(LOG_TASK_DONE, current->index, 0);
	return next();
}

struct task *find_waiting(u64 token)
{
	for (u32 index = 0; index < LOSS_MAX_TASKS; index++) {
		if (tasks[index].state == TASK_WAITS && tasks[index].token == token)
			return &tasks[index];
	}
	return 0;
}

void wake(struct task *task)
{
	log_event(LOG_WAKE, task->token, task->index);
	task->state = TASK_READY;
}

/* After an event that may have woken somebody, or a tick: idle gives way, others take turns. */
struct frame *schedule(struct frame *frame)
{
	struct task *task;

	while ((task = find_waiting(TOKEN_ANY_INTERRUPT)))
		wake(task);
	if (frame != &current->frame)
		return frame;
	return next();
}
