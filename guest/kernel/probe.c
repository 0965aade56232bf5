/*
 * Each instruction is executed once, at CPL3, before there is a tick or an asynchronous page fault: what enters the kernel next
 * came of it. The next one starts from a frame made anew, so that nothing remains of a switch that a host did by half.
 */
#include "probe.h"

#include "scheduler.h"
#include "tasks.h"
#include "traps.h"

extern const u8 entry_syscall[], entry_int80[], entry_undefined[];

/* By TRAP_BY_*: the program that begins with the instruction, and where it has to arrive. */
static const struct candidate {
	void (*program)(struct vcpu_block *);
	const u8 *entry;
} candidates[TRAP_BY_COUNT] = {
    [TRAP_BY_SYSCALL] = {probe_syscall, entry_syscall},
    [TRAP_BY_INT80] = {probe_int80, entry_int80},
    [TRAP_BY_UD2] = {probe_ud2, entry_undefined},
};

u32 probing;
static u32 working; /* 1 << TRAP_BY_* */
static u64 task_rsp;

static _Noreturn void choose(void)
{
	u32 by = mailbox->trap_by;

	if (by == TRAP_BY_AUTO)
		while (++by < TRAP_BY_COUNT && !(working & 1 << by))
			;
	if (by == TRAP_BY_COUNT || !(working & 1 << by))
		panic(PANIC_NO_TRAP);
	block->trap_by = by;
	traps_open(by, working);
	kernel_start();
}

static _Noreturn void try_next(void)
{
	if (++probing == TRAP_BY_COUNT) {
		probing = TRAP_BY_AUTO;
		choose();
	}
	boot_task_init(TASK_PROBE, candidates[probing].program);
	task_rsp = current->frame.rsp;
	boot_task_resume();
}

void probe_start(void)
{
	try_next();
}

static _Noreturn void note(u32 outcome)
{
	block->trap[probing].probe = outcome;
	if (outcome == PROBE_WORKS)
		working |= 1 << probing;
	try_next();
}

/* CPL and flags, as an interrupt gate leaves them and SFMASK should. */
static int kernel_state_is_sound(void)
{
	u64 rflags, cs;

	asm volatile("pushfq\n\tpop %0\n\tmov %%cs, %1" : "=r"(rflags), "=r"(cs) : : "memory");
	return cs == SELECTOR_KERNEL_CODE && !(rflags & SYSCALL_FLAG_MASK);
}

static int frame_is_sound(void)
{
	const struct frame *frame = &current->frame;

	return frame->rip == (u64)candidates[probing].program + TRAP_INSTRUCTION_BYTES &&
	       frame->cs == SELECTOR_USER_CODE && frame->ss == SELECTOR_USER_DATA && frame->rflags & RFLAGS_IF &&
	       frame->rsp == task_rsp;
}

void probe_trap(u32 by)
{
	note(by == probing && frame_is_sound() && kernel_state_is_sound() ? PROBE_WORKS : PROBE_WRONG_STATE);
}

void probe_exception(u64 vector, u64 rip)
{
	const struct candidate *candidate = &candidates[probing];

	if (vector == VECTOR_PF && rip == (u64)candidate->entry)
		note(PROBE_STAYS_AT_CPL3);
	if (rip == (u64)candidate->program + TRAP_INSTRUCTION_BYTES)
		note(PROBE_NO_EFFECT);
	note(PROBE_EXCEPTION | vector);
}
