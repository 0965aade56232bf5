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
extern struct task *woken_first;

#define idle_task (&tasks[MAX_TASKS].task)
#define calibrate_task (&tasks[MAX_TASKS + 1].task)

void scheduler_init(void);
/* Adds a new or woken task behind the others of the FIFO. */
void woken_append(struct task *task);
/* Adds a task at the end of the ring. */
void ring_append(struct task *task);
/* Takes the current task out of the ring. */
void ring_remove_current(void);
/* The current task's time is up: ends its boost or turns the ring, then picks the next. */
void scheduler_tick(void);

/* The caller has saved nothing: a switch is a new rsp0, the exit takes its registers from the new frame. */
static inline __attribute__((always_inline)) void switch_to(struct task *next)
{
	current = next;
	tss->rsp0 = (u64)(&current->frame + 1);
	block->switches++;
}

/* Goes from a current task that no longer runs to the next one. */
static inline void switch_away(void)
{
	struct task *next = rr_front;

	if (unlikely(woken_first)) {
		next = woken_first;
		woken_first = next->next;
	}
	switch_to(next);
}

/* Blocks the current task; someone else has noted how it will be found again. */
static inline void block_current(void)
{
	if (unlikely(current == rr_front))
		ring_remove_current();
	switch_away();
}

/* Runs a woken task at once, unless the current one has just been woken itself: that one is short, the other waits its turn. */
static inline void wake(struct task *task)
{
	if (likely(current == rr_front))
		switch_to(task);
	else
		woken_append(task);
}

#endif
