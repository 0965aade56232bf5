/* Traps from CPL3: the entries that are not in the IDT, and which instructions may make one. */
#ifndef GUEST_TRAPS_H
#define GUEST_TRAPS_H

#include "kernel.h"

/* All three instructions have this length. */
#define TRAP_INSTRUCTION_BYTES 2

/* What `syscall` clears of rflags: nothing may interrupt the kernel before it has a stack, and C wants DF clear. */
#define SYSCALL_FLAG_MASK (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC)

/* Opens `syscall` on this vCPU. */
void traps_init(void);
/* Tasks trap by TRAP_BY_* alone; until the calibration is over, by all of `working` (bits 1 << TRAP_BY_*). Before, by none. */
void traps_open(u32 by, u32 working);

#endif
