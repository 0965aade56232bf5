/*
 * The contract between the guest and the VMM: addresses, the mailbox, traps. The TypeScript constants in
 * lib/guest/abi.ts are generated from this file, so a change here reaches both sides.
 *
 * Address space. One ELF, one kernel instance for each vCPU: text and read-only data are shared, every writable segment is
 * private to a vCPU (same virtual address, other frames). All other ranges are mapped one to one (gva == gpa).
 */
#ifndef GUEST_ABI_H
#define GUEST_ABI_H

#define ABI_MAGIC 0x4b464c42 /* "BLFK" */
#define ABI_VERSION 1

#define PAGE_SIZE 4096
#define MAX_VCPUS 64
#define MAX_TASKS 64

/* Bits in an ELF program header's p_flags, besides the standard R, W and X. */
#define PF_USER 0x00100000    /* mapped for CPL3 */
#define PF_PRIVATE 0x00200000 /* each vCPU gets its own copy */

/* Per-vCPU descriptor page (GDT and TSS), supervisor only: gva DESCRIPTOR_BASE + vcpu * PAGE_SIZE. IDT is shared. */
#define IDT_BASE 0x00001000
#define DESCRIPTOR_BASE 0x00002000
#define TSS_OFFSET 0x100 /* within the descriptor page */
/* The ELF is linked between these. */
#define IMAGE_BASE 0x00100000
#define IMAGE_LIMIT 0x00200000
/* Mailbox: one struct mailbox page, then one struct vcpu_block page for each vCPU. CPL3 may read and write it. */
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

/* Stacks of their own for exceptions that may come at any moment: #DF, NMI, #MC. */
#define IST_COUNT 3

/* Interrupt vectors. */
#define VECTOR_TIMER 0xec
#define VECTOR_APF_READY 0xf3
#define VECTOR_SPURIOUS 0xff

/* Doorbell: `out %eax, $DOORBELL_PORT` at CPL0, value below. */
#define DOORBELL_PORT 0xf4
#define DOORBELL_BOOTED 1
#define DOORBELL_DONE 2
#define DOORBELL_PANIC 3

/* Traps from CPL3: `ud2` with the number in rax; result in rax. */
#define TRAP_NULL 0 /* returns 0: what a trap costs */
#define TRAP_EXIT 1 /* ends the task */

/* vcpu_block.state */
#define STATE_EMPTY 0
#define STATE_CONTROL_BEFORE 1
#define STATE_PAGING 2
#define STATE_CONTROL_AFTER 3
#define STATE_DONE 4
#define STATE_PANIC 5

/* vcpu_block.panic_code */
#define PANIC_EXCEPTION 1     /* an exception nobody expected: vector, rip, cr2, error code are filled */
#define PANIC_BAD_MAILBOX 2   /* magic, version or counts are wrong */
#define PANIC_BAD_TRAP 3      /* unknown trap number */
#define PANIC_APF_KERNEL 4    /* a not-present event while CPL0 or IF=0 */
#define PANIC_APF_REASON 5    /* unknown flags in the shared area */
#define PANIC_TOKEN_TABLE 6   /* more tokens than MAX_TASKS */

/*
 * Checksum of a page, two independent chains so that a superscalar CPU and Math.imul both go fast: lane A takes the even
 * u32 words, lane B the odd ones; lane = (lane ^ word) * CHECKSUM_PRIME in u32 arithmetic. Lane A starts from
 * CHECKSUM_SEED ^ page index, lane B from CHECKSUM_SEED ^ ~page index. The checksum is B << 32 | A.
 */
#define CHECKSUM_SEED 2166136261
#define CHECKSUM_PRIME 16777619

/* mailbox.flags */
#define MAILBOX_STOP 1 /* set by the VMM at any time: tasks end at the next tick, results so far stand */

#ifndef __ASSEMBLER__
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/*
 * The IDT, as the ELF's symbol `vector_table` (in a shared read-only segment): entries up to the first with handler 0.
 * Every gate is a 64-bit interrupt gate, DPL 0, selector SELECTOR_KERNEL_CODE; vectors not listed stay not-present.
 * IST n (1-based) of the TSS is the value of the symbol `ist<n>_stack_top`; rsp0 that of `kernel_stack_top`.
 */
struct vector_entry {
	u32 vector;
	u32 ist; /* 0: none */
	u64 handler;
};

/* Written by the VMM before boot; `cursor`, `barrier` and the tables are written by the guest. */
struct mailbox {
	u32 magic;
	u32 abi_version;
	u32 vcpu_count;
	u32 fault_tasks;   /* per vCPU */
	u32 work_tasks;    /* per vCPU */
	u32 flags;         /* MAILBOX_* */
	u32 timer_count;   /* LAPIC initial count of one tick; divide by 16 */
	u32 control_ticks; /* length of each control phase in ticks; 0: no control phases */
	u64 page_count;    /* entries of the order table */
	u64 window;        /* gva of the demand-paged window */
	u64 order;         /* gva of u32[page_count]: page index in the window, in visiting order */
	u64 sums;          /* gva of u64[window pages]: page checksum, by page index, written by the guest */
	u64 latencies;     /* gva of u64[window pages]: TSC cycles of the first access, by page index */
	u64 expected;      /* gva of u64[window pages]: checksums to compare with, or 0 */
	u8 reserved0[32];
	u64 cursor;        /* next entry of the order table: fetch-and-add by every fault task */
	u8 reserved1[56];
	u32 barrier[4];    /* vCPUs that reached the end of each phase */
	u8 reserved2[48];
};

/* What one phase of one vCPU saw. */
struct phase_record {
	u64 tsc_start;
	u64 tsc_end;
	u64 work_start; /* sum of the work tasks' counters */
	u64 work_end;
	u64 kernel_cycles_start; /* sum of the cycles_* counters below */
	u64 kernel_cycles_end;
};

/* One page for each vCPU. The first 64 bytes are the KVM shared area (struct kvm_vcpu_pv_apf_data). */
struct vcpu_block {
	u32 apf_flags;
	u32 apf_token;
	u8 apf_pad[56];

	u32 state; /* STATE_* */
	u32 panic_code;
	u64 panic_vector;
	u64 panic_error;
	u64 panic_rip;
	u64 panic_cr2;
	u32 apf_enabled; /* 1 when the guest found and enabled async page faults */
	u32 fault_tasks_done;

	/* Counts since boot. */
	u64 not_present;   /* not-present #PF events taken */
	u64 ready;         /* ready interrupts with an ordinary token */
	u64 wake_all;      /* ready interrupts with token ~0 */
	u64 early_ready;   /* ready events that came before their not-present event */
	u64 spurious_ready;/* ready interrupts with token 0 */
	u64 ticks;
	u64 traps;
	u64 switches;      /* task switches */
	u64 idle;          /* entries into hlt */
	u64 pages;         /* pages visited by this vCPU's fault tasks */
	u64 mismatches;    /* pages whose checksum differed from `expected` */

	/* TSC cycles spent in the guest kernel's handlers, entry stub to iretq, by kind of event. */
	u64 cycles_not_present;
	u64 cycles_ready;
	u64 cycles_tick;
	u64 cycles_trap;

	/* Calibration at boot, seen from CPL3: cost of null traps. */
	u64 null_traps;
	u64 null_trap_cycles;        /* CPL3 to CPL3, all of them */
	u64 null_trap_kernel_cycles; /* the part counted in cycles_trap */

	struct phase_record phase[3]; /* control before, paging, control after */

	u64 work[MAX_TASKS]; /* by work task: units done */
};
#endif /* __ASSEMBLER__ */
#endif /* GUEST_ABI_H */
