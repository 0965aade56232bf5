/* A work task that traps for ever. A unit of its work is a trap that came back right; any other is a mismatch. */
#include "tasks.h"

/*
 * With no stack at all, carry set and a pattern in rdx: nobody but the task itself may need its rsp, and everything but rax and rcx comes
 * back as it was. `good` is 1 then.
 */
#define TRAP_WITHOUT_STACK(instruction, good) \
	asm volatile("mov %%rsp, %%rdi\n\t" \
		     "xor %%esp, %%esp\n\t" \
		     "movabs $0x5aa5f00ddeadbeef, %%rdx\n\t" \
		     "xor %%eax, %%eax\n\t" \
		     "stc\n\t" instruction "\n\t" \
		     "mov $0, %%ecx\n\t" \
		     "jnc 1f\n\t" \
		     "test %%rax, %%rax\n\t" \
		     "jnz 1f\n\t" \
		     "test %%rsp, %%rsp\n\t" \
		     "jnz 1f\n\t" \
		     "movabs $0x5aa5f00ddeadbeef, %%rax\n\t" \
		     "cmp %%rax, %%rdx\n\t" \
		     "jne 1f\n\t" \
		     "mov $1, %%ecx\n\t" \
		     "1: mov %%rdi, %%rsp" \
		     : "=c"(good) \
		     : \
		     : "rax", "rdx", "rdi", "cc", "memory")

void work_task(volatile u64 *units)
{
	struct vcpu_block *block = (struct vcpu_block *)((u64)units & -PAGE_SIZE);

	for (;;) {
		u64 good;

		if (block->trap_by == TRAP_BY_SYSCALL)
			TRAP_WITHOUT_STACK("syscall", good);
		else if (block->trap_by == TRAP_BY_INT80)
			TRAP_WITHOUT_STACK("int $0x80", good);
		else
			TRAP_WITHOUT_STACK("ud2", good);
		if (good)
			++*units;
		else
			asm volatile("incq %0" : "+m"(block->mismatches));
	}
}
