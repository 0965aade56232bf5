/*
 * The contract between the VMM and the guest that loses memory (guest/loss): what its tasks are to access, what came of
 * it, and how the host reports a page that is gone. lib/loss/abi.ts is generated from this file; docs/GUEST.md tells the story.
 *
 * One vCPU. Boot contract, selectors, image range and doorbell port are those of abi.h; every segment is mapped one to one
 * (gva == gpa), so an address of a symbol is an address for the host too. The structures below are the ELF's symbols
 * `control`, `ve_information`, `apf_area` and `event_log`.
 */
#ifndef GUEST_LOSS_ABI_H
#define GUEST_LOSS_ABI_H

#include "abi.h"

#define LOSS_MAGIC 0x53534f4c /* "LOSS" */
#define LOSS_ABI_VERSION 1

/* Interrupt stacks: #DF, NMI, #MC and #VE have one each. */
#define LOSS_IST_COUNT 4
#define LOSS_MAX_TASKS 4
#define LOSS_MAX_COMMANDS 16   /* of one task */
#define LOSS_MAX_OUTCOMES 2048 /* of all tasks together */
#define LOSS_LOG_ENTRIES 1024

/* The window of memory that can be lost: one to one, 4 KiB pages, at most LOSS_WINDOW_PAGES. */
#define LOSS_WINDOW_BASE 0x40000000
#define LOSS_WINDOW_PAGES 512
/* The page table of the window, for the kernel alone: it takes pages away that a machine check reported. */
#define LOSS_WINDOW_TABLE 0x00300000
/* Never mapped by the guest: an access is a page fault of the guest's own making. */
#define LOSS_UNMAPPED 0x50000000

/* Interrupts, besides those of abi.h: a page that a task sleeps for has been resolved. */
#define VECTOR_RESOLVED 0xf4

/* Doorbell values, besides those of abi.h. After DONE the guest reads the programs again and starts over. */
#define DOORBELL_IDLE 4 /* no task can run: the vCPU is about to halt with interrupts on */

/* Hypercall: `in $HYPERCALL_PORT, %eax`, number in rdi, arguments in rsi, rdx, rcx; the answer comes in eax. */
#define HYPERCALL_PORT 0xf5
#define HYPERCALL_RESOLVE \
	1 /* rsi: can_continue (0: suspend this vCPU until it is resolved; 1: tell by interrupt), rdx: gpa, rcx: token */

/* Its answers. */
#define RESOLVE_DONE 0    /* the page is there: try again */
#define RESOLVE_PENDING 1 /* VECTOR_RESOLVED will come with the token */
#define RESOLVE_LOST 2    /* the page will never come */

/* command.access: at CPL3, */
#define ACCESS_LOAD 1
#define ACCESS_STORE 2
#define ACCESS_READ_MODIFY_WRITE 3
#define ACCESS_FETCH 4
/* by the kernel for the task, with an entry in its exception table, */
#define ACCESS_KERNEL_READ 5
#define ACCESS_KERNEL_WRITE 6
/* and without one; */
#define ACCESS_KERNEL_LOAD 7
#define ACCESS_KERNEL_STORE 8
/* no memory at all: counts `value` trips of a loop. */
#define ACCESS_COMPUTE 9
/* Waits in the kernel until an interrupt comes: what a task does that has nothing to do. */
#define ACCESS_WAIT 10

/* command.flags: RFLAGS.IF is not as usual (on at CPL3, off in the kernel) during the access. */
#define ACCESS_FLIP_INTERRUPTS 1

/* outcome.result */
#define OUTCOME_NONE 0   /* not made yet */
#define OUTCOME_VALUE 1  /* it worked: value */
#define OUTCOME_SIGNAL 2 /* the task got a signal: signal, code, address */
#define OUTCOME_ERROR 3  /* the kernel's copy failed: code is the negative errno */

/* Linux's numbers. */
#define SIGNAL_BUS 7
#define SIGNAL_SEGV 11
#define CODE_BUS_ADRERR 2
#define CODE_BUS_MCEERR_AR 4
#define CODE_SEGV_MAPERR 1
#define ERROR_EIO 5
#define ERROR_EFAULT 14

/* control.features: what the host offers; the guest uses nothing else. */
#define FEATURE_ASYNC_PF 1     /* look at CPUID and enable asynchronous page faults */
#define FEATURE_VE_HYPERCALL 2 /* #VE with VE_RECOVERABLE is to be resolved by hypercall */
#define FEATURE_CAN_CONTINUE 4 /* and a task may sleep meanwhile */
#define FEATURE_LOG 8          /* keep the event log */
#define FEATURE_LEGACY_PF 16   /* ready events of asynchronous page faults come as #PF too, reason 2, token in CR2 */
#define FEATURE_APF_SEND_ALWAYS 32 /* ask for not-present events at CPL0 too */

/* control.nmi_action: what the NMI handler does besides counting. */
#define NMI_COUNTS 0
#define NMI_PAGE_FAULT 1 /* a guarded load from LOSS_UNMAPPED: a page fault of its own */
#define NMI_LOAD 2       /* a guarded load from control.nmi_address */

/* ve_information.flags: not in Intel's layout, where this is reserved. */
#define VE_RECOVERABLE 1 /* HYPERCALL_RESOLVE may bring the page back */
#define VE_REASON_EPT_VIOLATION 48
#define VE_BUSY 0xffffffff
/* ve_information.qualification, bits 2:0 of an EPT violation's: the access. */
#define VE_READ 1
#define VE_WRITE 2
#define VE_FETCH 4

/* apf_area.flags, and ready_flags. */
#define APF_NOT_PRESENT 1
#define APF_LEGACY_READY 2
#define APF_READY_ERROR 1 /* ready_flags: the page will never come */

/* control.panic_code, besides those of abi.h. */
#define PANIC_LOST_MEMORY 32   /* the kernel itself touched lost memory, nothing guarded: panic_address, rip */
#define PANIC_MACHINE_CHECK 33 /* a machine check that says nothing to act on */
#define PANIC_STRAY_EVENT 34   /* a not-present event that nobody can wait for: CPL0 or interrupts off */
#define PANIC_BAD_PROGRAM 35   /* a command, a trap or the control block makes no sense */

/* log_entry.kind; a and b by kind. */
#define LOG_NOT_PRESENT 1   /* a: token */
#define LOG_READY 2         /* a: token, b: ready_flags */
#define LOG_VE 3            /* a: gva, b: qualification */
#define LOG_MACHINE_CHECK 4 /* a: MCi_ADDR, b: MCi_STATUS */
#define LOG_NMI 5           /* a: rip that it interrupted */
#define LOG_PAGE_FAULT 6    /* a: CR2, b: error code */
#define LOG_SIGNAL 7        /* a: address, b: signal << 32 | code */
#define LOG_FIXUP 8         /* a: rip of the guarded access, b: errno that it becomes */
#define LOG_BLOCK 9         /* a: token that the task waits for */
#define LOG_WAKE 10         /* a: token */
#define LOG_SWITCH 11       /* a: task that runs now */
#define LOG_IDLE 12
#define LOG_HYPERCALL 13 /* a: can_continue, b: answer */
#define LOG_RESOLVED 14  /* a: token, b: result */
#define LOG_PANIC 15     /* a: code, b: address */
#define LOG_TASK_DONE 16 /* a: task */
#define LOG_SPURIOUS 17  /* a: token of an event that nobody waits for */

#ifndef __ASSEMBLER__

/* One access of a task, `repeat` times. */
struct command {
	u32 access;  /* ACCESS_* */
	u32 flags;   /* ACCESS_FLIP_INTERRUPTS */
	u32 repeat;  /* times, one outcome each */
	u32 first;   /* index of its first outcome */
	u64 address; /* gva */
	u64 value;   /* to be stored, to be added, trips of the loop */
};

/* What came of it. TSC of the guest. */
struct outcome {
	u64 tsc_before; /* right before the access */
	u64 tsc_after;  /* behind it, or in the signal handler, or back from the kernel */
	u64 value;      /* loaded, or what was stored or added up */
	u64 address;    /* OUTCOME_SIGNAL: si_addr */
	u32 result;     /* OUTCOME_* */
	u32 signal;     /* OUTCOME_SIGNAL: SIGNAL_* */
	u32 code;       /* OUTCOME_SIGNAL: CODE_*; OUTCOME_ERROR: ERROR_* */
	u32 task;       /* which made it */
};

/* What one task is to do. */
struct program {
	u32 count;    /* commands; 0: there is no such task */
	u32 state;    /* written by the guest: 1 while it has not ended */
	u64 progress; /* written by the guest: outcomes so far, trips of its loops */
	struct command command[LOSS_MAX_COMMANDS];
};

/* Everything both ends write; CPL3 may touch it. */
struct control {
	u32 magic;       /* written by the VMM before boot: LOSS_MAGIC */
	u32 abi_version; /* LOSS_ABI_VERSION */
	u32 features;    /* FEATURE_* */
	u32 nmi_action;  /* NMI_* */
	u64 nmi_address; /* gva for NMI_LOAD */
	u32 window_pages;
	u32 timer_count; /* LAPIC initial count of one tick (divide by 16); 0: no ticks */

	u32 panic_code;  /* PANIC_*; written by the guest from here on */
	u32 apf_enabled; /* 1: enabled; 3: with errors */
	u64 panic_vector;
	u64 panic_error;
	u64 panic_rip;
	u64 panic_address; /* CR2, or the address that the event named */
	u64 panic_cpl;     /* of the code that was interrupted */

	u64 not_present; /* events taken, by kind */
	u64 ready;
	u64 ready_errors;
	u64 wake_all;
	u64 ve;
	u64 ve_at_cpl0;
	u64 machine_checks;
	u64 nmis;
	u64 page_faults;
	u64 signals;
	u64 fixups;
	u64 hypercalls;
	u64 switches;
	u64 idle;
	u64 ticks;
	u64 resolved;
	u64 spurious;  /* ready events for nobody */
	u64 bad_pages; /* pages taken away for good after a machine check */
	u64 nmi_lost;  /* guarded loads of the NMI handler that failed */
	u64 last_mci_status;
	u64 last_mci_misc;

	struct program program[LOSS_MAX_TASKS];
	struct outcome outcome[LOSS_MAX_OUTCOMES];
};

/* Intel's virtualization-exception information area (SDM vol. 3, 26.5.7.2), one page, and the project's flags and wake-up word. */
struct ve_information {
	u32 exit_reason;   /* VE_REASON_EPT_VIOLATION */
	u32 busy;          /* VE_BUSY from delivery on, until the guest has taken the information */
	u64 qualification; /* VE_READ, VE_WRITE, VE_FETCH */
	u64 gva;
	u64 gpa;
	u16 eptp_index;
	u8 reserved0[30];
	u32 flags; /* VE_RECOVERABLE */
	u32 reserved1;
	u32 resolved_token;  /* of VECTOR_RESOLVED; the guest clears it, then the next may come */
	u32 resolved_result; /* RESOLVE_DONE or RESOLVE_LOST */
};

/* KVM's shared area of asynchronous page faults, with the word of 2020's proposal. */
struct apf_area {
	u32 flags;       /* APF_NOT_PRESENT */
	u32 token;       /* of the ready event; the guest clears it, then acknowledges */
	u32 ready_flags; /* APF_READY_ERROR */
	u8 reserved[52];
};

struct log_entry {
	u64 tsc;
	u32 kind; /* LOG_* */
	u32 task; /* that was current; LOSS_MAX_TASKS: idle */
	u64 a;
	u64 b;
};

struct event_log {
	u64 count; /* entries ever written; entry n is at n % LOSS_LOG_ENTRIES */
	u64 reserved0[3];
	struct log_entry entry[LOSS_LOG_ENTRIES];
};
#endif /* __ASSEMBLER__ */
#endif /* GUEST_LOSS_ABI_H */
