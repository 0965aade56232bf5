/*
 * Round robin by tick, with a FIFO of woken tasks in front of it.
 *
 * Every living task is in exactly one place: the ring (also while it runs), the woken FIFO, running boosted, or blocked.
 * A running task that is not the ring's front is boosted: it came from the FIFO, and the task it displaced is still the
 * front and goes on afterwards.
 */
#ifndef GUEST_SCHEDULER_H
#define GUEST_SCHEDULER_H

#include "kernel.h"

extern struct task_slot tasks[MAX_TASKS + 2];

#define idle_task (&tasks[MAX_TASKS].task)
#define boot_task (&tasks[MAX_TASKS + 1].task) /* what runs before the others: the probe, then the calibration */

void scheduler_init(void);
/* The boot task is the current one from scheduler_init() until it exits: gives it a program to begin, and goes there. */
void boot_task_init(enum task_kind kind, void (*program)(struct vcpu_block *));
_Noreturn void boot_task_resume(void);
/* Adds a task at the end of the ring. */
void ring_append(struct task *task);
/* Takes the current task out of the ring. */
void ring_remove_current(void);
/* Turns the ring, or ends a boost that has lasted for a whole tick; then picks the next task. */
void scheduler_tick(void);

extern struct task *woken_last;

/* Adds a new or woken task behind the others of the FIFO. */
static inline __attribute__((always_inline)) void woken_append(struct task *task)
{
	task->next = 0;
	if (woken_first)
		woken_last->next = task;
	else
		woken_first = task;
	woken_last = task;
}

/* The caller has saved nothing: a switch is a new rsp0, the exit takes its registers from the new frame. */
static inline __attribute__((always_inline)) void switch_to(struct task *next)
{
	current = next;
	tss_set_rsp0(&current->frame + 1);
}

/* Goes from a current task that no longer runs to the next one. */
static inline __attribute__((always_inline)) void switch_away(void)
{
	if (unlikely(woken_first)) {
		switch_to(woken_first);
		woken_first = current->next;
	} else {
		switch_to(rr_front);
	}
}

/* Blocks the current task; someone else has noted how it will be found again. */
static inline __attribute__((always_inline)) void block_current(void)
{
	if (unlikely(current == rr_front))
		ring_remove_current();
	switch_away();
}

/*
 * Runs a woken task at once, unless the current one has just been woken itself: that one is short, the other waits its turn.
 * True when it runs.
 */
static inline __attribute__((always_inline)) int wake(struct task *task)
{
	if (unlikely(current != rr_front)) {
		woken_append(task);
		return 0;
	}
	switch_to(task);
	return 1;
}

#endif
