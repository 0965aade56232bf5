/* Traps from CPL3 and the tick. */
#include "traps.h"

#include "lapic.h"
#include "phase.h"
#include "probe.h"
#include "scheduler.h"

#define UD2_OPCODE 0x0b0f

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
#define EFER_SCE 1

void entry_syscall(void);

static u32 accepted; /* 1 << TRAP_BY_* */
static u32 chosen;   /* the same, of what is accepted once the calibration is over */

/* Every CPU with long mode has these. The upper half of STAR is for sysret, which nobody executes. */
void traps_init(void)
{
	_Static_assert(SELECTOR_KERNEL_DATA == SELECTOR_KERNEL_CODE + 8, "syscall loads both from one number");

	wrmsr(MSR_STAR, (u64)SELECTOR_KERNEL_CODE << 32);
	wrmsr(MSR_LSTAR, (u64)entry_syscall);
	wrmsr(MSR_SFMASK, SYSCALL_FLAG_MASK);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
}

void traps_open(u32 by, u32 working)
{
	accepted = working;
	chosen = 1 << by;
}

static void trap_exit(void)
{
	struct task *task = current;

	if (task->kind == TASK_CALIBRATE) {
		accepted = chosen;
		phase_start();
	} else if (task->kind == TASK_FAULT) {
		phase_fault_task_done();
	}
	block_current(); /* nobody will wake it */
	other_switches++;
}

static _Noreturn __attribute__((noinline)) void refuse_trap(u32 by)
{
	if (probing)
		probe_trap(by);
	block->panic_rip = current->frame.rip - TRAP_INSTRUCTION_BYTES;
	panic(PANIC_OTHER_TRAP);
}

/* With rip behind the instruction. */
static inline __attribute__((always_inline)) _Noreturn void take_trap(u32 by)
{
	u64 number = current->frame.rax;

	if (unlikely(!(accepted & 1 << by)))
		refuse_trap(by);
	block->trap[by].taken++;
	current->frame.rax = 0;
	if (number != TRAP_NULL) {
		if (number != TRAP_EXIT)
			panic(PANIC_BAD_TRAP);
		trap_exit();
	}
	RESUME_TRAP();
}

void handle_trap(u32 by)
{
	take_trap(by);
}

void handle_undefined(void)
{
	if (unlikely(*(const u16 *)current->frame.rip != UD2_OPCODE))
		task_exception(VECTOR_UD, 0, current->frame.rip);
	current->frame.rip += TRAP_INSTRUCTION_BYTES;
	take_trap(TRAP_BY_UD2);
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
