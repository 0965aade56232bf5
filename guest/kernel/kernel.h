/*
 * What every part of the kernel shares: the task, the kernel's own registers, the way out to CPL3.
 *
 * The kernel runs with interrupts off from entry to exit and never sleeps, so it has no locks. On a host that emulates CPL0
 * each instruction costs most of a microsecond: hence one instruction counts here where elsewhere ten would not.
 */
#ifndef GUEST_KERNEL_H
#define GUEST_KERNEL_H

#include "abi.h"

#define offset_of(type, member) __builtin_offsetof(type, member)
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define mailbox ((volatile struct mailbox *)MAILBOX_BASE)

/* What entry.S leaves on the stack; iretq takes the last five words. */
struct frame {
	u64 rbp, rdi, rsi, rcx, rbx, rdx, rax;
	u64 rip, cs, rflags, rsp, ss;
};

enum task_kind { TASK_IDLE, TASK_FAULT, TASK_WORK, TASK_CALIBRATE };

/*
 * A task's frame sits at a fixed place: TSS.rsp0 of the running task is the end of its frame, so its registers are saved by
 * the very entry and a switch copies nothing. Below the frame is the stack that handlers use, see `task_slot`.
 */
struct task {
	struct frame frame;
	struct task *next, *prev; /* round-robin ring, or `next` alone in the woken FIFO */
	u32 kind;
	u32 index; /* among tasks of its kind */
	u64 pad;
};

#define TASK_SLOT_BYTES 512

struct task_slot {
	u8 stack[TASK_SLOT_BYTES - sizeof(struct task)];
	struct task task;
} __attribute__((aligned(16)));

/* The CPU aligns rsp to 16 before it pushes: an unaligned end would shift the frame. */
_Static_assert((TASK_SLOT_BYTES - sizeof(struct task) + sizeof(struct frame)) % 16 == 0, "frames end on 16 bytes");

struct tss {
	u32 reserved0;
	u64 rsp0;
} __attribute__((packed));

/* Tasks are compiled without r8 to r15 (Makefile), so these keep their values while CPL3 runs. */
register struct vcpu_block *block asm("r15");
register struct tss *tss asm("r14");
register struct task *current asm("r13");
/* Front of the round-robin ring; the idle task when the ring is empty. A current task that is not the front runs boosted. */
register struct task *rr_front asm("r12");
/* TSC (low half) at entry of the handler that is running. */
register u64 entry_tsc asm("rbx");



static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static inline void doorbell(u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "N"(DOORBELL_PORT) : "memory");
}

/* Ends a handler: adds its cycles to the vcpu_block counter at offset `counter`, returns to the current task. */
#define resume(counter) resume_at(offset_of(struct vcpu_block, counter))
static inline __attribute__((always_inline)) _Noreturn void resume_at(u64 counter)
{
	asm volatile("mov %%r13, %%rsp\n\t"
		     "pop %%rbp\n\t"
		     "pop %%rdi\n\t"
		     "pop %%rsi\n\t"
		     "pop %%rcx\n\t"
		     "rdtsc\n\t"
		     "sub %%ebx, %%eax\n\t"
		     "add %%rax, %c0(%%r15)\n\t"
		     "pop %%rbx\n\t"
		     "pop %%rdx\n\t"
		     "pop %%rax\n\t"
		     "iretq"
		     :
		     : "i"(counter)
		     : "memory");
	__builtin_unreachable();
}

/* panic.c */
_Noreturn void panic(u32 code);
_Noreturn void panic_exception(u64 vector, u64 error, u64 rip, u64 cr2);
_Noreturn void halt_forever(void);

/* Handlers that entry.S jumps to, on the stack of the current task. */
_Noreturn void handle_page_fault(void);
_Noreturn void handle_apf_ready(void);
_Noreturn void handle_timer(void);
_Noreturn void handle_trap(void);
_Noreturn void kernel_main(u64 vcpu_index);

#endif
