/*
 * A guest that rings the doorbell and does nothing else: what a round trip to the VMM costs. DOORBELL_RINGS times for each entry of the
 * order table, with nothing between two rings but a jump for each entry; its paging phase is the time of that, by the guest's own
 * clock. It has no tasks, and touches neither tables nor window.
 */
#include "abi.h"

#define mailbox ((volatile struct mailbox *)MAILBOX_BASE)

#define EXCEPTIONS 32

_Noreturn void _start(u64 vcpu, volatile struct vcpu_block *block, u64 tss);
_Noreturn void unexpected(void);

/* One instruction each: the compiler has no part in what lies between two rings. */
#define RING(value) asm volatile("outl %0, %1" : : "a"(value), "N"(DOORBELL_PORT) : "memory")
#define RING_OFTEN(value, count) \
	asm volatile(".rept %c2\n\toutl %0, %1\n\t.endr" : : "a"(value), "N"(DOORBELL_PORT), "i"(count) : "memory")

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

static _Noreturn void halt(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

static _Noreturn void panic(volatile struct vcpu_block *block, u32 code)
{
	block->panic_code = code;
	block->state = STATE_PANIC;
	RING(DOORBELL_PANIC);
	halt();
}

void _start(u64 vcpu, volatile struct vcpu_block *block, u64 tss)
{
	volatile struct phase_record *paging = &block->phase[PHASE_PAGING];

	(void)tss;
	if (mailbox->magic != ABI_MAGIC || mailbox->abi_version != ABI_VERSION || vcpu >= mailbox->vcpu_count)
		panic(block, PANIC_BAD_MAILBOX);
	block->state = STATE_PAGING;
	/* The first one meets a VMM that has done nothing yet. */
	RING(DOORBELL_BOOTED);
	paging->tsc_start = rdtsc();
	for (u64 entry = mailbox->page_count; entry; entry--)
		RING_OFTEN(DOORBELL_BOOTED, DOORBELL_RINGS);
	paging->tsc_end = rdtsc();
	block->state = STATE_DONE;
	RING(DOORBELL_DONE);
	halt();
}

/* Nothing here raises an exception. */
void unexpected(void)
{
	panic((volatile struct vcpu_block *)VCPU_BLOCK_BASE, PANIC_EXCEPTION);
}

/* What the loader wants of every guest. */
#define GATE(number) \
	{ \
		.vector = (number), .handler = (u64)unexpected \
	}
#define GATES(first) GATE(first), GATE((first) + 1), GATE((first) + 2), GATE((first) + 3)
const struct vector_entry vector_table[EXCEPTIONS + 1] = {GATES(0),  GATES(4),  GATES(8),  GATES(12),
							  GATES(16), GATES(20), GATES(24), GATES(28)};
