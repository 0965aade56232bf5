/*
 * The contract between the guest and the VMM: addresses, the mailbox, traps. The TypeScript constants in
 * lib/guest/abi.ts are generated from this file, so a change here reaches both sides. docs/GUEST.md tells the story.
 *
 * Address space. One ELF, one kernel instance for each vCPU: text and read-only data are shared, every segment with
 * PF_PRIVATE is private to a vCPU (same virtual address, other frames). All other ranges are mapped one to one
 * (gva == gpa).
 */
#ifndef GUEST_ABI_H
#define GUEST_ABI_H

#define ABI_MAGIC 0x4b464c42 /* "BLFK" */
#define ABI_VERSION 2

#define PAGE_SIZE 4096
#define MAX_VCPUS 64
#define MAX_TASKS 64 /* fault tasks and work tasks of one vCPU together */

/* Bits in an ELF program header's p_flags, besides the standard R, W and X. */
#define PF_USER 0x00100000    /* mapped for CPL3 */
#define PF_PRIVATE 0x00200000 /* each vCPU gets its own copy */

/* The IDT, one page, supervisor only, shared by all vCPUs. */
#define IDT_BASE 0x00001000
/* Per-vCPU descriptor page (GDT and TSS), supervisor, writable: gva DESCRIPTOR_BASE + vcpu * PAGE_SIZE. */
#define DESCRIPTOR_BASE 0x00002000
#define TSS_OFFSET 0x100 /* within the descriptor page */
/* The ELF is linked between these. */
#define IMAGE_BASE 0x00100000
#define IMAGE_LIMIT 0x00200000
/* One struct mailbox page, then one struct vcpu_block page for each vCPU. CPL3 may read and write them. */
#define MAILBOX_BASE 0x00200000
#define VCPU_BLOCK_BASE 0x00201000
/* Tables (order, sums, latencies) start here, 2 MiB aligned; CPL3 may read and write them. */
#define TABLES_BASE 0x40000000
/* The window of demand-paged memory. */
#define WINDOW_BASE 0x100000000

/* Segment selectors. */
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28

/* Interrupt stacks of the TSS: #DF, NMI and #MC may come at any moment and have one each. */
#define IST_COUNT 3

/* Vectors: the software interrupt that tasks may make, interrupts of the local APIC. */
#define VECTOR_INT80 0x80
#define VECTOR_TIMER 0xec
#define VECTOR_APF_READY 0xf3
#define VECTOR_SPURIOUS 0xff

/* Doorbell: `out %eax, $DOORBELL_PORT` at CPL0, value below. */
#define DOORBELL_PORT 0xf4
#define DOORBELL_BOOTED 1 /* the kernel is set up; async page faults are enabled if the host offers them */
#define DOORBELL_DONE 2   /* all counters are final; the vCPU halts with interrupts off */
#define DOORBELL_PANIC 3  /* vcpu_block.panic_* say why; the vCPU halts with interrupts off */
#define DOORBELL_PHASE 4  /* a phase is about to begin, or has ended; where MAILBOX_PHASE_BELLS asks for it */

#define DOORBELL_RINGS 64 /* doorbell.elf rings this often for each entry of the order table */

/* Traps from CPL3: number in rax, result in rax; rcx and r11 are lost, everything else is kept. */
#define TRAP_NULL 0 /* returns 0: what a trap costs */
#define TRAP_EXIT 1 /* ends the task */

/* The instruction that makes a trap, the better the earlier. Index into vcpu_block.trap; its [0] is unused. */
#define TRAP_BY_AUTO 0    /* the first one that works on this host */
#define TRAP_BY_SYSCALL 1 /* `syscall` */
#define TRAP_BY_INT80 2   /* `int $0x80` */
#define TRAP_BY_UD2 3     /* `ud2` */
#define TRAP_BY_COUNT 4

/* trap_record.probe: what came of an instruction at CPL3. */
#define PROBE_NONE 0          /* not tried yet */
#define PROBE_WORKS 1         /* arrived at its entry at CPL0, everything as it should be */
#define PROBE_WRONG_STATE 2   /* arrived at its entry with another CPL, rip, rsp or rflags than it should */
#define PROBE_STAYS_AT_CPL3 3 /* page fault at its entry: it went there without leaving CPL3 */
#define PROBE_NO_EFFECT 4     /* CPL3 went on behind it */
#define PROBE_EXCEPTION 0x100 /* plus the vector: any other exception */

#define CALIBRATION_TRAPS 64 /* null traps that each vCPU makes at boot, by each instruction that works */

/* vcpu_block.state; a phase's state is kept while the vCPU waits at the barrier behind it. */
#define STATE_EMPTY 0
#define STATE_CONTROL_BEFORE 1
#define STATE_PAGING 2
#define STATE_CONTROL_AFTER 3
#define STATE_DONE 4
#define STATE_PANIC 5

/* Index into vcpu_block.phase and mailbox.barrier. */
#define PHASE_CONTROL_BEFORE 0
#define PHASE_PAGING 1
#define PHASE_CONTROL_AFTER 2
#define PHASE_COUNT 3

/* vcpu_block.panic_code */
#define PANIC_EXCEPTION 1   /* an exception nobody expected: vector, error code, rip and cr2 are filled */
#define PANIC_BAD_MAILBOX 2 /* magic, version or counts are wrong, or the boot registers contradict this file */
#define PANIC_BAD_TRAP 3    /* unknown trap number */
#define PANIC_APF_KERNEL 4  /* a not-present event while CPL0 or IF=0 */
#define PANIC_APF_REASON 5  /* unknown flags in the shared area; cr2 is filled */
#define PANIC_TOKEN_TABLE 6 /* more tasks wait than there can be */
#define PANIC_NO_TRAP 7     /* the trap that the mailbox asks for does not work here: trap_record.probe says why */
#define PANIC_OTHER_TRAP 8  /* a task trapped by another instruction than the vCPU's trap_by: rip is filled */

/*
 * Checksum of a page, two independent chains so that a superscalar CPU and Math.imul both go fast: lane A takes the
 * even u32 words, lane B the odd ones; lane = (lane ^ word) * CHECKSUM_PRIME in u32 arithmetic. Lane A starts from
 * CHECKSUM_SEED ^ page index, lane B from CHECKSUM_SEED ^ ~page index. The checksum is B << 32 | A.
 */
#define CHECKSUM_SEED 2166136261
#define CHECKSUM_PRIME 16777619

/* trace_lane.kind: whose spans they are. */
#define TRACE_FAULT_TASK 1
#define TRACE_WORK_TASK 2

/* mailbox.flags */
#define MAILBOX_STOP 1        /* set by the VMM at any time: tasks end at the next tick, results so far stand */
#define MAILBOX_PHASE_BELLS 2 /* set by the VMM before boot: each end of each phase rings the doorbell */

/*
 * Index into vcpu_block.note: when handlers were entered, for an account. A log is a ring of u64 (TSC), NOTE_LOG_BYTES long and aligned to as much, so that
 * 16 bits of the pointer wrap by themselves. Kept by the stubs of `noted_vector_table` alone: those of `vector_table` do not look.
 */
#define NOTE_NOT_PRESENT 0
#define NOTE_READY 1
#define NOTE_TICK 2
#define NOTE_COUNT 3
#define NOTE_LOG_BYTES 0x10000
/* Where vcpu_block.note lies, for assembly. */
#define VCPU_BLOCK_NOTE 1016

#ifndef __ASSEMBLER__
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/*
 * The IDT, as the ELF's symbol `vector_table` (in a shared read-only segment): entries up to the first with handler 0.
 * `noted_vector_table` is the same with handlers that note when they were entered.
 * Every gate is a 64-bit interrupt gate, selector SELECTOR_KERNEL_CODE; vectors not listed stay not-present.
 * IST n (1-based) of the TSS is the value of the symbol `ist<n>_stack_top`; rsp0 that of `kernel_stack_top`.
 */
struct vector_entry {
	u32 vector;
	u16 ist;     /* IST index; 0: none */
	u16 dpl;     /* from which `int` may enter: 0 or 3 */
	u64 handler; /* gva */
};

/* Written by the VMM before boot; `cursor`, `barrier` and the tables are written by the guest. */
struct mailbox {
	u32 magic;         /* ABI_MAGIC */
	u32 abi_version;   /* ABI_VERSION */
	u32 vcpu_count;    /* 1 to MAX_VCPUS; all of them must boot, or the others wait at a barrier for ever */
	u32 fault_tasks;   /* per vCPU, at least 1 */
	u32 work_tasks;    /* per vCPU; 0 allowed */
	u32 flags;         /* MAILBOX_* */
	u32 timer_count;   /* LAPIC initial count of one tick, not 0; divide by 16 */
	u32 control_ticks; /* length of each control phase in ticks; 0: no control phases */
	u64 page_count;    /* entries of the order table */
	u64 window;        /* gva of the demand-paged window */
	u64 order;         /* gva of u32[page_count]: page index in the window, in visiting order */
	u64 sums;          /* gva of u64[window pages]: page checksum, by page index, written by the guest */
	u64 latencies;     /* gva of u64[window pages]: TSC cycles of the first access, by page index */
	u64 expected;      /* gva of u64[window pages]: checksums to compare with, or 0 */
	u32 trap_by;       /* TRAP_BY_*: how tasks are to trap */
	u32 reserved;
	u64 starts;       /* gva of u64[window pages]: TSC at the first access, by page index, or 0 */
	u64 trace;        /* gva of the struct trace_area, or 0: nothing is recorded */
	u8 reserved0[24]; /* `cursor` and `barrier` have cache lines of their own */
	u64 cursor;       /* next entry of the order table: fetch-and-add by every fault task; ends above page_count */
	u8 reserved1[56];
	u32 barrier[4]; /* by phase: vCPUs that reached its end */
	u8 reserved2[48];
};

/*
 * When tasks ran, for a timeline: written by the tasks themselves at CPL3, so that the kernel costs what it costs without. The area is followed by
 * its lanes, each by its spans; a task takes the next lane when it starts, and records nothing where none is left.
 */
struct trace_area {
	u32 lanes;      /* written by the VMM */
	u32 spans;      /* of each lane, written by the VMM */
	u32 gap_cycles; /* a work task that did not run for longer than this has been away */
	u32 used;       /* lanes taken, fetch-and-add; may end above `lanes` */
	u8 reserved[48];
};

/* One task's spans. */
struct trace_lane {
	u32 kind;  /* TRACE_* */
	u32 vcpu;  /* index of the vCPU */
	u32 count; /* spans recorded; the last one of a work task still grows */
	u32 reserved;
	u64 lost; /* spans for which there was no room */
	u64 reserved1;
};

/* A fault task: a page, from before the access until after it (end) and until it is summed (done). A work task: a stretch in which it ran. TSC. */
struct trace_span {
	u64 start;
	u64 end;
	u64 page; /* fault tasks alone */
	u64 done; /* fault tasks alone */
};

/* What one phase of one vCPU saw. All 0 for a phase that did not take place; tsc_end 0 while it lasts. */
struct phase_record {
	u64 tsc_start;
	u64 tsc_end;
	u64 work_start;          /* sum of the work tasks' counters */
	u64 work_end;            /* sum of the work tasks' counters */
	u64 kernel_cycles_start; /* sum of the cycles_* counters below */
	u64 kernel_cycles_end;   /* sum of the cycles_* counters below */
};

/* One trap instruction on one vCPU. */
struct trap_record {
	u32 probe; /* PROBE_* */
	u32 reserved;
	u64 taken;       /* traps by it, those of the calibration included; the probe makes none */
	u64 null_cycles; /* calibration at boot: TSC cycles of the fastest null trap, CPL3 to CPL3; 0: not done */
	u64 null_kernel_cycles; /* the part of it that is in cycles_trap */
};

/*
 * One page for each vCPU. The first 64 bytes are the KVM shared area (struct kvm_vcpu_pv_apf_data).
 *
 * `not_present`, `ready`, `switches`, `cycles_not_present` and `cycles_ready` are brought up to date at each tick, at
 * both ends of a phase, and before the doorbell rings; the other counters at once.
 */
struct vcpu_block {
	u32 apf_flags; /* 1: a not-present event is being delivered; the guest clears it */
	u32 apf_token; /* token of the ready event; the guest clears it, then acknowledges */
	u8 apf_pad[56];

	u32 state;              /* STATE_* */
	u32 panic_code;         /* PANIC_* */
	u64 panic_vector;       /* exception vector */
	u64 panic_error;        /* exception error code */
	u64 panic_rip;          /* where the exception was taken */
	u64 panic_cr2;          /* CR2 at the exception */
	u32 apf_enabled;        /* 1 when the guest found and enabled async page faults */
	u32 fault_tasks_done;   /* fault tasks that have ended */
	u64 not_present;        /* not-present #PF events taken */
	u64 ready;              /* ready interrupts with an ordinary token, early ones included */
	u64 wake_all;           /* ready interrupts with token ~0 */
	u64 early_ready;        /* ready events that came before their not-present event */
	u64 spurious_ready;     /* ready interrupts with token 0 */
	u64 ticks;              /* timer interrupts */
	u64 switches;           /* task switches */
	u64 idle;               /* entries into hlt */
	u64 pages;              /* pages visited by this vCPU's fault tasks */
	u64 mismatches;         /* pages whose checksum differed from `expected` */
	u64 cycles_not_present; /* TSC cycles in the not-present handler, entry stub to iretq */
	u64 cycles_ready;       /* TSC cycles in the ready handler */
	u64 cycles_tick;        /* TSC cycles in the timer handler */
	u64 cycles_trap;        /* TSC cycles in the trap handler */

	u32 trap_by; /* TRAP_BY_*: how tasks trap; 0 before that is known */
	u32 reserved;
	struct trap_record trap[TRAP_BY_COUNT]; /* by TRAP_BY_* */

	struct phase_record phase[PHASE_COUNT]; /* by PHASE_* */

	u64 work[MAX_TASKS]; /* by work task: units done */

	u64 note[NOTE_COUNT]; /* by NOTE_*: gva of the log's next entry; written by the VMM before boot */
};

_Static_assert(sizeof(struct mailbox) == 256, "laid out by hand");
_Static_assert(sizeof(struct vcpu_block) <= PAGE_SIZE, "one page for each vCPU");
_Static_assert(__builtin_offsetof(struct vcpu_block, note) == VCPU_BLOCK_NOTE, "entry.S relies on it");
#endif /* __ASSEMBLER__ */
#endif /* GUEST_ABI_H */
