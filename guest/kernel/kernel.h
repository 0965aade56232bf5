/*
 * What every part of the kernel shares: the task, the kernel's own registers, the way out to CPL3.
 *
 * The kernel runs with interrupts off from entry to exit and never sleeps, so it has no locks. On a host that emulates CPL0
 * each instruction costs most of a microsecond: hence one instruction counts here where elsewhere ten would not.
 */
#ifndef GUEST_KERNEL_H
#define GUEST_KERNEL_H

#include "abi.h"
#include "instructions.h"

#define offset_of(type, member) __builtin_offsetof(type, member)
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define RFLAGS_FIXED (1 << 1)
#define RFLAGS_TF (1 << 8)
#define RFLAGS_IF (1 << 9)
#define RFLAGS_DF (1 << 10)
#define RFLAGS_NT (1 << 14)
#define RFLAGS_AC (1 << 18)

#define VECTOR_UD 6
#define VECTOR_PF 14

#define mailbox ((volatile struct mailbox *)MAILBOX_BASE)

/* What entry.S leaves on the stack: the registers of tasks, then what iretq takes. */
struct frame {
	u64 rdi, rcx, rdx, rax;
	u64 rip, cs, rflags, rsp, ss;
};

/* What an exception that nobody expects leaves on the stack: its vector, an error code or 0, then what iretq takes. */
struct exception {
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

enum task_kind { TASK_IDLE, TASK_FAULT, TASK_WORK, TASK_PROBE, TASK_CALIBRATE };

/*
 * A task's frame sits at a fixed place: TSS.rsp0 of the running task is the end of its frame, so its registers are saved by
 * the very entry and a switch copies nothing. Below the frame is the stack that handlers use, see `task_slot`.
 */
struct task {
	struct frame frame;
	struct task *next, *prev; /* round-robin ring, or `next` alone in the woken FIFO */
	u32 kind;
	u32 index; /* among tasks of its kind */
	u64 pad;   /* see the assertion below */
};

#define TASK_SLOT_BYTES 512

struct task_slot {
	u8 stack[TASK_SLOT_BYTES - sizeof(struct task)];
	struct task task;
} __attribute__((aligned(16)));

/* The CPU aligns rsp to 16 before it pushes: an unaligned end would shift the frame. */
_Static_assert((TASK_SLOT_BYTES - sizeof(struct task) + sizeof(struct frame)) % 16 == 0, "frames end on 16 bytes");

/*
 * Tasks are compiled without these registers (Makefile), so they keep their values while CPL3 runs; r11 alone does not,
 * because `syscall` writes rflags there: what it holds lives no longer than a handler. What changes with each APF event is
 * here and not in memory, where an update costs three times as much when CPL0 is emulated; counters_flush() copies the
 * counters to the vcpu_block at each tick and whenever the VMM is about to look.
 */
register struct vcpu_block *block asm("r15");
register struct task *current asm("r13");
/* Front of the round-robin ring; the idle task when the ring is empty. A current task that is not the front runs boosted. */
register struct task *rr_front asm("r12");
/* First task of the woken FIFO, or 0. */
register struct task *woken_first asm("rbx");
/* TSC (low half) at entry of the handler that is running. */
register u64 entry_tsc asm("r11");
/* vcpu_block counters of the same names. */
register u64 cycles_not_present asm("r14");
register u64 cycles_ready asm("r10");
register u64 ready asm("r9");
register u64 not_present asm("r8");

/* Every not-present and every ready event is a switch; counted are only those that are not, and the switches of other events. */
extern u64 other_switches;

static inline void counters_flush(void)
{
	block->cycles_not_present = cycles_not_present;
	block->cycles_ready = cycles_ready;
	block->not_present = not_present;
	block->ready = ready;
	block->switches = not_present + ready + other_switches;
}

/* A vCPU's TSS is as far from its vcpu_block as everyone's: no register, no load to reach it. */
#define TSS_RSP0 4
static inline void tss_set_rsp0(void *rsp0)
{
	*(void **)((u8 *)block - (VCPU_BLOCK_BASE - DESCRIPTOR_BASE - TSS_OFFSET - TSS_RSP0)) = rsp0;
}

/*
 * Ends a handler: takes the registers from the current task's frame, adds the handler's cycles to a counter (an assembler
 * operand), goes back to CPL3. The time is taken as late as registers allow.
 *
 * By iretq, also out of a `syscall`: the task that goes on need not be the one that trapped, and one that was interrupted
 * wants all its registers back, of which sysretq takes rcx. Nor does a rip that is not canonical harm here: iretq raises its
 * #GP on the kernel's stack, while sysretq raises it on Intel's CPUs at CPL0 with the task's rsp.
 */
#define RESUME(counter, ...) \
	do { \
		asm volatile("mov %%r13, %%rsp\n\t" \
			     "pop %%rdi\n\t" \
			     "pop %%rcx\n\t" \
			     "rdtsc\n\t" \
			     "sub %%r11d, %%eax\n\t" \
			     "add %%rax, " counter "\n\t" \
			     "pop %%rdx\n\t" \
			     "pop %%rax\n\t" \
			     "iretq" \
			     : \
			     : __VA_ARGS__ \
			     : "memory"); \
		__builtin_unreachable(); \
	} while (0)

#define RESUME_NOT_PRESENT() RESUME("%%r14", "r"(cycles_not_present))
#define RESUME_READY() RESUME("%%r10", "r"(cycles_ready))
#define RESUME_TICK() RESUME("%c0(%%r15)", "i"(offset_of(struct vcpu_block, cycles_tick)))
#define RESUME_TRAP() RESUME("%c0(%%r15)", "i"(offset_of(struct vcpu_block, cycles_trap)))

/* panic.c */
_Noreturn void panic(u32 code);
_Noreturn void panic_exception(u64 vector, u64 error, u64 rip);
_Noreturn void halt_forever(void);

/* main.c: the boot, once it is known how tasks trap. */
_Noreturn void kernel_start(void);

/* exceptions.c: the current task's own doing. */
_Noreturn void task_exception(u64 vector, u64 error, u64 rip);

/* Handlers that entry.S jumps to, on the stack of the current task. */
_Noreturn void handle_not_present(void);
_Noreturn void handle_apf_ready(void);
_Noreturn void handle_timer(void);
_Noreturn void handle_undefined(void);
_Noreturn void handle_trap(u32 by);
_Noreturn void handle_exception(const struct exception *exception);
_Noreturn void kernel_main(u64 vcpu_index, struct vcpu_block *own_block, u64 tss);

#endif
