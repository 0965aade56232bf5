/**
 * The contract between the guest and the VMM. Generated from guest/include/abi.h by scripts/generate-guest-abi.js: change that file, not this.
 */
import { structLayout } from '../uapi/index.js';

/** "BLFK" */
export const ABI_MAGIC = 0x4b464c42;
export const ABI_VERSION = 2;
export const PAGE_SIZE = 4096;
export const MAX_VCPUS = 64;
/** fault tasks and work tasks of one vCPU together */
export const MAX_TASKS = 64;
// Bits in an ELF program header's p_flags, besides the standard R, W and X.
/** mapped for CPL3 */
export const PF_USER = 0x00100000;
/** each vCPU gets its own copy */
export const PF_PRIVATE = 0x00200000;
/** The IDT, one page, supervisor only, shared by all vCPUs. */
export const IDT_BASE = 0x00001000;
/** Per-vCPU descriptor page (GDT and TSS), supervisor, writable: gva DESCRIPTOR_BASE + vcpu * PAGE_SIZE. */
export const DESCRIPTOR_BASE = 0x00002000;
/** within the descriptor page */
export const TSS_OFFSET = 0x100;
/** The ELF is linked between these. */
export const IMAGE_BASE = 0x00100000;
export const IMAGE_LIMIT = 0x00200000;
/** One struct mailbox page, then one struct vcpu_block page for each vCPU. CPL3 may read and write them. */
export const MAILBOX_BASE = 0x00200000;
export const VCPU_BLOCK_BASE = 0x00201000;
/** Tables (order, sums, latencies) start here, 2 MiB aligned; CPL3 may read and write them. */
export const TABLES_BASE = 0x40000000;
/** The window of demand-paged memory. */
export const WINDOW_BASE = 0x100000000;
/** Segment selectors. */
export const SELECTOR_KERNEL_CODE = 0x08;
export const SELECTOR_KERNEL_DATA = 0x10;
export const SELECTOR_USER_DATA = 0x1b;
export const SELECTOR_USER_CODE = 0x23;
export const SELECTOR_TSS = 0x28;
/** Interrupt stacks of the TSS: #DF, NMI and #MC may come at any moment and have one each. */
export const IST_COUNT = 3;
/** Vectors: the software interrupt that tasks may make, interrupts of the local APIC. */
export const VECTOR_INT80 = 0x80;
export const VECTOR_TIMER = 0xec;
export const VECTOR_APF_READY = 0xf3;
export const VECTOR_SPURIOUS = 0xff;
/** Doorbell: `out %eax, $DOORBELL_PORT` at CPL0, value below. */
export const DOORBELL_PORT = 0xf4;
/** the kernel is set up; async page faults are enabled if the host offers them */
export const DOORBELL_BOOTED = 1;
/** all counters are final; the vCPU halts with interrupts off */
export const DOORBELL_DONE = 2;
/** vcpu_block.panic_* say why; the vCPU halts with interrupts off */
export const DOORBELL_PANIC = 3;
/** a phase is about to begin, or has ended; where MAILBOX_PHASE_BELLS asks for it */
export const DOORBELL_PHASE = 4;
/** doorbell.elf rings this often for each entry of the order table */
export const DOORBELL_RINGS = 64;
// Traps from CPL3: number in rax, result in rax; rcx and r11 are lost, everything else is kept.
/** returns 0: what a trap costs */
export const TRAP_NULL = 0;
/** ends the task */
export const TRAP_EXIT = 1;
// The instruction that makes a trap, the better the earlier. Index into vcpu_block.trap; its [0] is unused.
/** the first one that works on this host */
export const TRAP_BY_AUTO = 0;
/** `syscall` */
export const TRAP_BY_SYSCALL = 1;
/** `int $0x80` */
export const TRAP_BY_INT80 = 2;
/** `ud2` */
export const TRAP_BY_UD2 = 3;
export const TRAP_BY_COUNT = 4;
// trap_record.probe: what came of an instruction at CPL3.
/** not tried yet */
export const PROBE_NONE = 0;
/** arrived at its entry at CPL0, everything as it should be */
export const PROBE_WORKS = 1;
/** arrived at its entry with another CPL, rip, rsp or rflags than it should */
export const PROBE_WRONG_STATE = 2;
/** page fault at its entry: it went there without leaving CPL3 */
export const PROBE_STAYS_AT_CPL3 = 3;
/** CPL3 went on behind it */
export const PROBE_NO_EFFECT = 4;
/** plus the vector: any other exception */
export const PROBE_EXCEPTION = 0x100;
/** null traps that each vCPU makes at boot, by each instruction that works */
export const CALIBRATION_TRAPS = 64;
/** vcpu_block.state; a phase's state is kept while the vCPU waits at the barrier behind it. */
export const STATE_EMPTY = 0;
export const STATE_CONTROL_BEFORE = 1;
export const STATE_PAGING = 2;
export const STATE_CONTROL_AFTER = 3;
export const STATE_DONE = 4;
export const STATE_PANIC = 5;
/** Index into vcpu_block.phase and mailbox.barrier. */
export const PHASE_CONTROL_BEFORE = 0;
export const PHASE_PAGING = 1;
export const PHASE_CONTROL_AFTER = 2;
export const PHASE_COUNT = 3;
// vcpu_block.panic_code
/** an exception nobody expected: vector, error code, rip and cr2 are filled */
export const PANIC_EXCEPTION = 1;
/** magic, version or counts are wrong, or the boot registers contradict this file */
export const PANIC_BAD_MAILBOX = 2;
/** unknown trap number */
export const PANIC_BAD_TRAP = 3;
/** a not-present event while CPL0 or IF=0 */
export const PANIC_APF_KERNEL = 4;
/** unknown flags in the shared area; cr2 is filled */
export const PANIC_APF_REASON = 5;
/** more tasks wait than there can be */
export const PANIC_TOKEN_TABLE = 6;
/** the trap that the mailbox asks for does not work here: trap_record.probe says why */
export const PANIC_NO_TRAP = 7;
/** a task trapped by another instruction than the vCPU's trap_by: rip is filled */
export const PANIC_OTHER_TRAP = 8;
/** Checksum of a page, two independent chains so that a superscalar CPU and Math.imul both go fast: lane A takes the even u32 words, lane B the odd ones; lane = (lane ^ word) * CHECKSUM_PRIME in u32 arithmetic. Lane A starts from CHECKSUM_SEED ^ page index, lane B from CHECKSUM_SEED ^ ~page index. The checksum is B << 32 | A. */
export const CHECKSUM_SEED = 2166136261;
export const CHECKSUM_PRIME = 16777619;
/** trace_lane.kind: whose spans they are. */
export const TRACE_FAULT_TASK = 1;
export const TRACE_WORK_TASK = 2;
// mailbox.flags
/** set by the VMM at any time: tasks end at the next tick, results so far stand */
export const MAILBOX_STOP = 1;
/** set by the VMM before boot: each end of each phase rings the doorbell */
export const MAILBOX_PHASE_BELLS = 2;
/** Index into vcpu_block.note: when handlers were entered, for an account. A log is a ring of u64 (TSC), NOTE_LOG_BYTES long and aligned to as much, so that 16 bits of the pointer wrap by themselves. Kept by the stubs of `noted_vector_table` alone: those of `vector_table` do not look. */
export const NOTE_NOT_PRESENT = 0;
export const NOTE_READY = 1;
export const NOTE_TICK = 2;
export const NOTE_COUNT = 3;
export const NOTE_LOG_BYTES = 0x10000;
/** Where vcpu_block.note lies, for assembly. */
export const VCPU_BLOCK_NOTE = 1016;

/** The IDT, as the ELF's symbol `vector_table` (in a shared read-only segment): entries up to the first with handler 0. `noted_vector_table` is the same with handlers that note when they were entered. Every gate is a 64-bit interrupt gate, selector SELECTOR_KERNEL_CODE; vectors not listed stay not-present. IST n (1-based) of the TSS is the value of the symbol `ist<n>_stack_top`; rsp0 that of `kernel_stack_top`. */
export const vectorEntryLayout = structLayout('vector_entry', 16, {
  vector: [0, 4],
  /** IST index; 0: none */
  ist: [4, 2],
  /** from which `int` may enter: 0 or 3 */
  dpl: [6, 2],
  /** gva */
  handler: [8, 8],
});

/** Written by the VMM before boot; `cursor`, `barrier` and the tables are written by the guest. */
export const mailboxLayout = structLayout('mailbox', 256, {
  /** ABI_MAGIC */
  magic: [0, 4],
  /** ABI_VERSION */
  abi_version: [4, 4],
  /** 1 to MAX_VCPUS; all of them must boot, or the others wait at a barrier for ever */
  vcpu_count: [8, 4],
  /** per vCPU, at least 1 */
  fault_tasks: [12, 4],
  /** per vCPU; 0 allowed */
  work_tasks: [16, 4],
  /** MAILBOX_* */
  flags: [20, 4],
  /** LAPIC initial count of one tick, not 0; divide by 16 */
  timer_count: [24, 4],
  /** length of each control phase in ticks; 0: no control phases */
  control_ticks: [28, 4],
  /** entries of the order table */
  page_count: [32, 8],
  /** gva of the demand-paged window */
  window: [40, 8],
  /** gva of u32[page_count]: page index in the window, in visiting order */
  order: [48, 8],
  /** gva of u64[window pages]: page checksum, by page index, written by the guest */
  sums: [56, 8],
  /** gva of u64[window pages]: TSC cycles of the first access, by page index */
  latencies: [64, 8],
  /** gva of u64[window pages]: checksums to compare with, or 0 */
  expected: [72, 8],
  /** TRAP_BY_*: how tasks are to trap */
  trap_by: [80, 4],
  /** gva of u64[window pages]: TSC at the first access, by page index, or 0 */
  starts: [88, 8],
  /** gva of the struct trace_area, or 0: nothing is recorded */
  trace: [96, 8],
  /** next entry of the order table: fetch-and-add by every fault task; ends above page_count */
  cursor: [128, 8],
  /** by phase: vCPUs that reached its end */
  barrier: [192, 16],
});

/** When tasks ran, for a timeline: written by the tasks themselves at CPL3, so that the kernel costs what it costs without. The area is followed by its lanes, each by its spans; a task takes the next lane when it starts, and records nothing where none is left. */
export const traceAreaLayout = structLayout('trace_area', 64, {
  /** written by the VMM */
  lanes: [0, 4],
  /** of each lane, written by the VMM */
  spans: [4, 4],
  /** a work task that did not run for longer than this has been away */
  gap_cycles: [8, 4],
  /** lanes taken, fetch-and-add; may end above `lanes` */
  used: [12, 4],
});

/** One task's spans. */
export const traceLaneLayout = structLayout('trace_lane', 32, {
  /** TRACE_* */
  kind: [0, 4],
  /** index of the vCPU */
  vcpu: [4, 4],
  /** spans recorded; the last one of a work task still grows */
  count: [8, 4],
  /** spans for which there was no room */
  lost: [16, 8],
});

/** A fault task: a page, from before the access until after it (end) and until it is summed (done). A work task: a stretch in which it ran. TSC. */
export const traceSpanLayout = structLayout('trace_span', 32, {
  start: [0, 8],
  end: [8, 8],
  /** fault tasks alone */
  page: [16, 8],
  /** fault tasks alone */
  done: [24, 8],
});

/** What one phase of one vCPU saw. All 0 for a phase that did not take place; tsc_end 0 while it lasts. */
export const phaseRecordLayout = structLayout('phase_record', 48, {
  tsc_start: [0, 8],
  tsc_end: [8, 8],
  /** sum of the work tasks' counters */
  work_start: [16, 8],
  /** sum of the work tasks' counters */
  work_end: [24, 8],
  /** sum of the cycles_* counters below */
  kernel_cycles_start: [32, 8],
  /** sum of the cycles_* counters below */
  kernel_cycles_end: [40, 8],
});

/** One trap instruction on one vCPU. */
export const trapRecordLayout = structLayout('trap_record', 32, {
  /** PROBE_* */
  probe: [0, 4],
  /** traps by it, those of the calibration included; the probe makes none */
  taken: [8, 8],
  /** calibration at boot: TSC cycles of the fastest null trap, CPL3 to CPL3; 0: not done */
  null_cycles: [16, 8],
  /** the part of it that is in cycles_trap */
  null_kernel_cycles: [24, 8],
});

/** One page for each vCPU. The first 64 bytes are the KVM shared area (struct kvm_vcpu_pv_apf_data). `not_present`, `ready`, `switches`, `cycles_not_present` and `cycles_ready` are brought up to date at each tick, at both ends of a phase, and before the doorbell rings; the other counters at once. */
export const vcpuBlockLayout = structLayout('vcpu_block', 1040, {
  /** 1: a not-present event is being delivered; the guest clears it */
  apf_flags: [0, 4],
  /** token of the ready event; the guest clears it, then acknowledges */
  apf_token: [4, 4],
  /** STATE_* */
  state: [64, 4],
  /** PANIC_* */
  panic_code: [68, 4],
  /** exception vector */
  panic_vector: [72, 8],
  /** exception error code */
  panic_error: [80, 8],
  /** where the exception was taken */
  panic_rip: [88, 8],
  /** CR2 at the exception */
  panic_cr2: [96, 8],
  /** 1 when the guest found and enabled async page faults */
  apf_enabled: [104, 4],
  /** fault tasks that have ended */
  fault_tasks_done: [108, 4],
  /** not-present #PF events taken */
  not_present: [112, 8],
  /** ready interrupts with an ordinary token, early ones included */
  ready: [120, 8],
  /** ready interrupts with token ~0 */
  wake_all: [128, 8],
  /** ready events that came before their not-present event */
  early_ready: [136, 8],
  /** ready interrupts with token 0 */
  spurious_ready: [144, 8],
  /** timer interrupts */
  ticks: [152, 8],
  /** task switches */
  switches: [160, 8],
  /** entries into hlt */
  idle: [168, 8],
  /** pages visited by this vCPU's fault tasks */
  pages: [176, 8],
  /** pages whose checksum differed from `expected` */
  mismatches: [184, 8],
  /** TSC cycles in the not-present handler, entry stub to iretq */
  cycles_not_present: [192, 8],
  /** TSC cycles in the ready handler */
  cycles_ready: [200, 8],
  /** TSC cycles in the timer handler */
  cycles_tick: [208, 8],
  /** TSC cycles in the trap handler */
  cycles_trap: [216, 8],
  /** TRAP_BY_*: how tasks trap; 0 before that is known */
  trap_by: [224, 4],
  /** by TRAP_BY_* */
  trap: [232, 128],
  /** by PHASE_* */
  phase: [360, 144],
  /** by work task: units done */
  work: [504, 512],
  /** by NOTE_*: gva of the log's next entry; written by the VMM before boot */
  note: [1016, 24],
});
