/* Which trap instructions work on this host, and which of them the tasks are to use. */
#ifndef GUEST_PROBE_H
#define GUEST_PROBE_H

#include "kernel.h"

/* The instruction that is being tried, TRAP_BY_*; TRAP_BY_AUTO while none is. */
extern u32 probing;

/* Tries them all at CPL3, chooses, goes on in kernel_start(). Panics only when what the mailbox asks for does not work. */
_Noreturn void probe_start(void);
/* What came of the one being tried: it arrived at the entry of `by`, with rip behind the instruction. */
_Noreturn void probe_trap(u32 by);
/* What came of it: an exception. */
_Noreturn void probe_exception(u64 vector, u64 rip);

#endif
