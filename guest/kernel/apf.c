#include "apf.h"

#include "lapic.h"
#include "scheduler.h"
#include "token_table.h"

#define CPUID_SIGNATURE 0x40000000
#define CPUID_FEATURES 0x40000001
#define FEATURE_ASYNC_PF (1 << 4)
#define FEATURE_ASYNC_PF_INT (1 << 14)

#define MSR_ASYNC_PF_EN 0x4b564d02
#define MSR_ASYNC_PF_INT 0x4b564d06
#define MSR_ASYNC_PF_ACK 0x4b564d07
#define ASYNC_PF_ENABLED (1 << 0)
#define ASYNC_PF_DELIVERY_AS_INT (1 << 3)

#define TOKEN_WAKE_ALL 0xffffffff

static inline void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	u64 out_b;

	/* rbx is one of the kernel's own registers. */
	asm volatile("xchg %%rbx, %1; cpuid; xchg %%rbx, %1"
		     : "=a"(*a), "=&r"(out_b), "=c"(*c), "=d"(*d)
		     : "0"(leaf), "2"(0));
	*b = out_b;
}

void apf_init(void)
{
	const u32 wanted = FEATURE_ASYNC_PF | FEATURE_ASYNC_PF_INT;
	u32 a, b, c, d;

	cpuid(CPUID_SIGNATURE, &a, &b, &c, &d);
	if (b != 0x4b4d564b || c != 0x564b4d56 || d != 0x0000004d || (a && a < CPUID_FEATURES)) /* "KVMKVMKVM" */
		return;
	cpuid(CPUID_FEATURES, &a, &b, &c, &d);
	if ((a & wanted) != wanted)
		return;
	token_table_init();
	/* Before the first wrmsr: the host may deliver as soon as it has seen the second. */
	block->apf_enabled = 1;
	wrmsr(MSR_ASYNC_PF_INT, VECTOR_APF_READY);
	wrmsr(MSR_ASYNC_PF_EN, (u64)block | ASYNC_PF_ENABLED | ASYNC_PF_DELIVERY_AS_INT);
}

void apf_check_reason(void)
{
	if (!block->apf_flags)
		return;
	block->panic_cr2 = read_cr2();
	panic(PANIC_APF_REASON);
}

void handle_not_present(void)
{
	u64 token;

	block->apf_flags = 0;
	asm volatile("mov %%cr2, %0" : "=D"(token)); /* where a call would want it */
	not_present++;
	if (likely(token_insert(token)))
		block_current();
	else
		other_switches--;
	RESUME_NOT_PRESENT();
}

/* The token word must be clear before the host may use it again. */
static inline __attribute__((always_inline)) void acknowledge(u32 zero)
{
	block->apf_token = 0;
	wrmsr_halves(MSR_ASYNC_PF_ACK, zero, 1);
}

/* Whatever is not a token in its home. */
static __attribute__((noinline)) _Noreturn void ready_slow(u32 token)
{
	struct task *task;

	if (token == TOKEN_WAKE_ALL) {
		block->wake_all++;
		while ((task = token_remove_any()))
			other_switches += wake(task);
	} else if (token == 0) {
		block->spurious_ready++;
	} else {
		ready++;
		task = token_remove_slow(token);
		if (!task)
			block->early_ready++;
		if (!task || !wake(task))
			other_switches--;
	}
	acknowledge(0);
	RESUME_READY();
}

void handle_apf_ready(void)
{
	struct task *task;
	u32 zero, token;

	/* One zero for both wrmsr: seen as a constant, it would be made anew each time. */
	asm("xor %0, %0" : "=d"(zero));
	wrmsr_halves(X2APIC_EOI, zero, zero);
	token = block->apf_token;
	task = token_remove(token);
	if (unlikely(!task))
		ready_slow(token);
	ready++;
	if (!wake(task))
		other_switches--;
	acknowledge(zero);
	RESUME_READY();
}
