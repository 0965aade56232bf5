/*
 * What every part of this kernel shares. Ordinary C: an entry saves all registers, a handler returns the frame to go on
 * with. The kernel runs with interrupts off and never sleeps, so it has no locks; NMI, #MC and #VE may come at any moment
 * and have stacks of their own.
 */
#ifndef LOSS_KERNEL_H
#define LOSS_KERNEL_H

#include "instructions.h"
#include "loss-abi.h"

#define RFLAGS_FIXED (1 << 1)
#define RFLAGS_IF (1 << 9)

#define VECTOR_NMI 2
#define VECTOR_UD 6
#define VECTOR_PF 14
#define VECTOR_MC 18
#define VECTOR_VE 20

/* What entry.S leaves on the stack: all registers, the vector, an error code or 0, then what iretq takes. */
struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

#define TASK_STACK_BYTES 4096
#define KERNEL_STACK_BYTES 2048

enum task_state { TASK_ABSENT, TASK_READY, TASK_WAITS, TASK_ENDED };

/*
 * A frame of CPL3, but for those on interrupt stacks, lies right at the end of the task's kernel stack, because TSS.rsp0
 * of the running task is that end: a switch copies nothing. The idle task's frame lies at the end of its own stack too.
 */
struct task {
	u8 stack[KERNEL_STACK_BYTES - sizeof(struct frame)];
	struct frame frame;
	u32 state; /* enum task_state */
	u32 index;
	u64 token;        /* TASK_WAITS: for this */
	u64 wait_address; /* what it touched, if the event said so */
} __attribute__((aligned(16)));

_Static_assert(sizeof(((struct task *)0)->stack) + sizeof(struct frame) == KERNEL_STACK_BYTES,
	       "the frame ends the stack");
_Static_assert(sizeof(struct task) % 16 == 0, "frames end on 16 bytes");

extern struct control control;
extern struct ve_information ve_information;
extern struct apf_area apf_area;
extern struct event_log event_log;

extern struct task tasks[LOSS_MAX_TASKS + 1];
extern struct task *current;
#define idle_task (&tasks[LOSS_MAX_TASKS])

static inline int from_user(const struct frame *frame)
{
	return (frame->cs & 3) == 3;
}

static inline u32 hypercall(u64 number, u64 a, u64 b, u64 c)
{
	u32 answer;

	asm volatile("inl %1, %0" : "=a"(answer) : "N"(HYPERCALL_PORT), "D"(number), "S"(a), "d"(b), "c"(c) : "memory");
	return answer;
}

/* log.c */
void log_event(u32 kind, u64 a, u64 b);

/* panic.c */
_Noreturn void panic(u32 code, const struct frame *frame, u64 address);

/* scheduler.c */
void scheduler_start(void);
struct frame *block_current(struct frame *frame, u64 token, u64 address);
struct frame *end_current(void);
void wake(struct task *task);
struct task *find_waiting(u64 token);
struct frame *schedule(struct frame *frame);

/* signal.c: the frame goes on in the task's handler. */
struct frame *send_signal(struct frame *frame, u32 signal, u32 code, u64 address);
struct frame *signal_return(struct frame *frame);

/* user_copy.S, exception_table.c */
u64 guarded_read(const void *from, u64 *value);
u64 guarded_write(void *to, u64 value);
int fix_up(struct frame *frame, u64 error);

/* Handlers, by kind of event. */
struct frame *handle_trap(struct frame *frame);
struct frame *handle_page_fault(struct frame *frame);
struct frame *handle_ready(struct frame *frame);
struct frame *handle_virtualization(struct frame *frame);
struct frame *handle_resolved(struct frame *frame);
struct frame *handle_machine_check(struct frame *frame);
struct frame *handle_nmi(struct frame *frame);
struct frame *dispatch(struct frame *frame);

/* The page that `gva` is in is gone for good: the guest takes it out of its page table. */
void mark_bad(u64 gva);
int is_bad(u64 gva);

void async_pf_start(void);
void lapic_start(void);
void lapic_eoi(void);
_Noreturn void kernel_main(void);

#endif
