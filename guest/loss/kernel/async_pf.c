/*
 * Asynchronous page faults: KVM's interface, and two more words of it: the error of 2020's proposal, and ready events as
 * #PF, as they were before 2020.
 */
#include "kernel.h"

#define CPUID_FEATURES 0x40000001
#define CPUID_ASYNC_PF (1 << 4)
#define CPUID_ASYNC_PF_INT (1 << 14)
#define CPUID_ASYNC_PF_ERROR (1 << 15)

#define MSR_ASYNC_PF_EN 0x4b564d02
#define MSR_ASYNC_PF_INT 0x4b564d06
#define MSR_ASYNC_PF_ACK 0x4b564d07
#define ASYNC_PF_ENABLED (1 << 0)
#define ASYNC_PF_SEND_ALWAYS (1 << 1)
#define ASYNC_PF_DELIVERY_AS_INT (1 << 3)
#define ASYNC_PF_SEND_ERROR (1 << 4)

#define TOKEN_WAKE_ALL 0xffffffff

struct apf_area apf_area __attribute__((aligned(64)));

/* Tokens of ready events that came before their not-present event. */
static u64 early[LOSS_MAX_TASKS];

void async_pf_start(void)
{
	const u32 wanted = CPUID_ASYNC_PF | CPUID_ASYNC_PF_INT;
	u64 value = (u64)&apf_area | ASYNC_PF_ENABLED | ASYNC_PF_DELIVERY_AS_INT;
	u32 a, b, c, d;

	if (!(control.features & FEATURE_ASYNC_PF))
		return;
	asm volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "0"(CPUID_FEATURES), "2"(0));
	if ((a & wanted) != wanted)
		return;
	control.apf_enabled = 1;
	if (a & CPUID_ASYNC_PF_ERROR) {
		control.apf_enabled |= 2;
		value |= ASYNC_PF_SEND_ERROR;
	}
	if (control.features & FEATURE_APF_SEND_ALWAYS)
		value |= ASYNC_PF_SEND_ALWAYS;
	wrmsr(MSR_ASYNC_PF_INT, VECTOR_APF_READY);
	wrmsr(MSR_ASYNC_PF_EN, value);
}

static int take_early(u64 token)
{
	for (u32 at = 0; at < LOSS_MAX_TASKS; at++) {
		if (early[at] == token) {
			early[at] = 0;
			return 1;
		}
	}
	return 0;
}

static void note_early(u64 token)
{
	control.spurious++;
	log_event(LOG_SPURIOUS, token, 0);
	for (u32 at = 0; at < LOSS_MAX_TASKS; at++) {
		if (!early[at]) {
			early[at] = token;
			return;
		}
	}
}

/* The task's page is there, or will never be: then it gets a signal, whose address nobody knows. */
static void ready(u64 token, u32 ready_flags)
{
	struct task *task;

	log_event(LOG_READY, token, ready_flags);
	if (token == TOKEN_WAKE_ALL) {
		control.wake_all++;
		for (u32 index = 0; index < LOSS_MAX_TASKS; index++) {
			if (tasks[index].state == TASK_WAITS)
				wake(&tasks[index]);
		}
		return;
	}
	control.ready++;
	task = find_waiting(token);
	if (!task) {
		note_early(token);
		return;
	}
	wake(task);
	if (ready_flags & APF_READY_ERROR) {
		control.ready_errors++;
		send_signal(&task->frame, SIGNAL_BUS, CODE_BUS_ADRERR, 0);
	}
}

/* #PF with a reason in the shared area. */
static struct frame *async_event(struct frame *frame, u32 reason)
{
	u64 token = read_cr2();

	apf_area.flags = 0;
	if (reason == APF_LEGACY_READY) {
		ready(token, 0);
		return schedule(frame);
	}
	control.not_present++;
	log_event(LOG_NOT_PRESENT, token, 0);
	if (take_early(token))
		return frame;
	/* The kernel cannot wait in the middle of something. */
	if (!from_user(frame) || !(frame->rflags & RFLAGS_IF))
		panic(PANIC_STRAY_EVENT, frame, token);
	return block_current(frame, token, 0);
}

struct frame *handle_page_fault(struct frame *frame)
{
	u32 reason = apf_area.flags;
	u64 address;

	if (reason)
		return async_event(frame, reason);
	address = read_cr2();
	control.page_faults++;
	log_event(LOG_PAGE_FAULT, address, frame->error);
	if (from_user(frame)) {
		if (is_bad(address))
			return send_signal(frame, SIGNAL_BUS, CODE_BUS_MCEERR_AR, address);
		return send_signal(frame, SIGNAL_SEGV, CODE_SEGV_MAPERR, address);
	}
	if (fix_up(frame, is_bad(address) ? ERROR_EIO : ERROR_EFAULT))
		return frame;
	panic(PANIC_EXCEPTION, frame, address);
}

struct frame *handle_ready(struct frame *frame)
{
	u32 token = apf_area.token;
	u32 ready_flags = apf_area.ready_flags;

	lapic_eoi();
	/* Flags first: the token word is what the host looks at. */
	apf_area.ready_flags = 0;
	apf_area.token = 0;
	if (token)
		ready(token, ready_flags);
	wrmsr(MSR_ASYNC_PF_ACK, 1);
	return schedule(frame);
}
