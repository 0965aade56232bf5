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

#define REASON_NOT_PRESENT 1
#define TOKEN_WAKE_ALL 0xffffffff

#define VECTOR_PF 14

u64 page_fault_error; /* written by the entry stub */

static inline void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	u32 out_b;

	/* rbx is a register of the kernel's own. */
	asm volatile("xchg %%rbx, %q1; cpuid; xchg %%rbx, %q1" : "=a"(*a), "=&r"(out_b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(0));
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

static _Noreturn void real_page_fault(u32 flags)
{
	u64 cr2;

	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	if (flags) {
		block->panic_cr2 = cr2;
		panic(PANIC_APF_REASON);
	}
	panic_exception(VECTOR_PF, page_fault_error, current->frame.rip, cr2);
}

void handle_page_fault(void)
{
	u32 flags = block->apf_flags;
	u64 token;

	if (unlikely(flags != REASON_NOT_PRESENT))
		real_page_fault(flags);
	block->apf_flags = 0;
	if (unlikely(!(current->frame.cs & 3)))
		panic(PANIC_APF_KERNEL);
	asm volatile("mov %%cr2, %0" : "=r"(token));
	block->not_present++;
	if (likely(token_insert(token, current)))
		block_current();
	resume(cycles_not_present);
}

static void ready_slow(u32 token)
{
	struct task *task;

	if (token == TOKEN_WAKE_ALL) {
		block->wake_all++;
		while ((task = token_remove_any()))
			wake(task);
	} else if (token == 0) {
		block->spurious_ready++;
	} else {
		block->ready++;
		task = token_remove_slow(token);
		if (task)
			wake(task);
		else
			block->early_ready++;
	}
}

void handle_apf_ready(void)
{
	u32 token;

	lapic_eoi();
	token = block->apf_token;
	if (likely(token_is_home(token))) {
		block->ready++;
		wake(token_remove_home(token));
	} else {
		ready_slow(token);
	}
	block->apf_token = 0;
	wrmsr(MSR_ASYNC_PF_ACK, 1);
	resume(cycles_ready);
}
