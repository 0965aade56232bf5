#include "tasks.h"

/* `hlt` tells the kernel of an instruction that did nothing: it is a #GP at CPL3. */
#define PROBE(name, instruction) \
	__attribute__((naked)) void name(struct vcpu_block *block __attribute__((unused))) \
	{ \
		asm(instruction "\n\thlt"); \
	}

PROBE(probe_syscall, "syscall")
PROBE(probe_int80, "int $0x80")
PROBE(probe_ud2, "ud2")
