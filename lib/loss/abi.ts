/**
 * The contract between the guest and the VMM. Generated from guest/include/loss-abi.h by scripts/generate-guest-abi.js: change that file, not this.
 */
import { structLayout } from '../uapi/index.js';

/** "LOSS" */
export const LOSS_MAGIC = 0x53534f4c;
export const LOSS_ABI_VERSION = 1;
/** Interrupt stacks: #DF, NMI, #MC and #VE have one each. */
export const LOSS_IST_COUNT = 4;
export const LOSS_MAX_TASKS = 4;
/** of one task */
export const LOSS_MAX_COMMANDS = 16;
/** of all tasks together */
export const LOSS_MAX_OUTCOMES = 2048;
export const LOSS_LOG_ENTRIES = 1024;
/** The window of memory that can be lost: one to one, 4 KiB pages, at most LOSS_WINDOW_PAGES. */
export const LOSS_WINDOW_BASE = 0x40000000;
export const LOSS_WINDOW_PAGES = 512;
/** The page table of the window, for the kernel alone: it takes pages away that a machine check reported. */
export const LOSS_WINDOW_TABLE = 0x00300000;
/** Never mapped by the guest: an access is a page fault of the guest's own making. */
export const LOSS_UNMAPPED = 0x50000000;
/** Interrupts, besides those of abi.h: a page that a task sleeps for has been resolved. */
export const VECTOR_RESOLVED = 0xf4;
// Doorbell values, besides those of abi.h. After DONE the guest reads the programs again and starts over.
/** no task can run: the vCPU is about to halt with interrupts on */
export const DOORBELL_IDLE = 4;
/** Hypercall: `in $HYPERCALL_PORT, %eax`, number in rdi, arguments in rsi, rdx, rcx; the answer comes in eax. */
export const HYPERCALL_PORT = 0xf5;
export const HYPERCALL_RESOLVE = 1;
// Its answers.
/** the page is there: try again */
export const RESOLVE_DONE = 0;
/** VECTOR_RESOLVED will come with the token */
export const RESOLVE_PENDING = 1;
/** the page will never come */
export const RESOLVE_LOST = 2;
/** command.access: at CPL3, */
export const ACCESS_LOAD = 1;
export const ACCESS_STORE = 2;
export const ACCESS_READ_MODIFY_WRITE = 3;
export const ACCESS_FETCH = 4;
/** by the kernel for the task, with an entry in its exception table, */
export const ACCESS_KERNEL_READ = 5;
export const ACCESS_KERNEL_WRITE = 6;
/** and without one; */
export const ACCESS_KERNEL_LOAD = 7;
export const ACCESS_KERNEL_STORE = 8;
/** no memory at all: counts `value` trips of a loop. */
export const ACCESS_COMPUTE = 9;
/** Waits in the kernel until an interrupt comes: what a task does that has nothing to do. */
export const ACCESS_WAIT = 10;
/** command.flags: RFLAGS.IF is not as usual (on at CPL3, off in the kernel) during the access. */
export const ACCESS_FLIP_INTERRUPTS = 1;
// outcome.result
/** not made yet */
export const OUTCOME_NONE = 0;
/** it worked: value */
export const OUTCOME_VALUE = 1;
/** the task got a signal: signal, code, address */
export const OUTCOME_SIGNAL = 2;
/** the kernel's copy failed: code is the negative errno */
export const OUTCOME_ERROR = 3;
/** Linux's numbers. */
export const SIGNAL_BUS = 7;
export const SIGNAL_SEGV = 11;
export const CODE_BUS_ADRERR = 2;
export const CODE_BUS_MCEERR_AR = 4;
export const CODE_SEGV_MAPERR = 1;
export const ERROR_EIO = 5;
export const ERROR_EFAULT = 14;
// control.features: what the host offers; the guest uses nothing else.
/** look at CPUID and enable asynchronous page faults */
export const FEATURE_ASYNC_PF = 1;
/** #VE with VE_RECOVERABLE is to be resolved by hypercall */
export const FEATURE_VE_HYPERCALL = 2;
/** and a task may sleep meanwhile */
export const FEATURE_CAN_CONTINUE = 4;
/** keep the event log */
export const FEATURE_LOG = 8;
/** ready events of asynchronous page faults come as #PF too, reason 2, token in CR2 */
export const FEATURE_LEGACY_PF = 16;
/** ask for not-present events at CPL0 too */
export const FEATURE_APF_SEND_ALWAYS = 32;
/** control.nmi_action: what the NMI handler does besides counting. */
export const NMI_COUNTS = 0;
/** a guarded load from LOSS_UNMAPPED: a page fault of its own */
export const NMI_PAGE_FAULT = 1;
/** a guarded load from control.nmi_address */
export const NMI_LOAD = 2;
// ve_information.flags: not in Intel's layout, where this is reserved.
/** HYPERCALL_RESOLVE may bring the page back */
export const VE_RECOVERABLE = 1;
export const VE_REASON_EPT_VIOLATION = 48;
export const VE_BUSY = 0xffffffff;
/** ve_information.qualification, bits 2:0 of an EPT violation's: the access. */
export const VE_READ = 1;
export const VE_WRITE = 2;
export const VE_FETCH = 4;
/** apf_area.flags, and ready_flags. */
export const APF_NOT_PRESENT = 1;
export const APF_LEGACY_READY = 2;
/** ready_flags: the page will never come */
export const APF_READY_ERROR = 1;
// control.panic_code, besides those of abi.h.
/** the kernel itself touched lost memory, nothing guarded: panic_address, rip */
export const PANIC_LOST_MEMORY = 32;
/** a machine check that says nothing to act on */
export const PANIC_MACHINE_CHECK = 33;
/** a not-present event that nobody can wait for: CPL0 or interrupts off */
export const PANIC_STRAY_EVENT = 34;
/** a command, a trap or the control block makes no sense */
export const PANIC_BAD_PROGRAM = 35;
// log_entry.kind; a and b by kind.
/** a: token */
export const LOG_NOT_PRESENT = 1;
/** a: token, b: ready_flags */
export const LOG_READY = 2;
/** a: gva, b: qualification */
export const LOG_VE = 3;
/** a: MCi_ADDR, b: MCi_STATUS */
export const LOG_MACHINE_CHECK = 4;
/** a: rip that it interrupted */
export const LOG_NMI = 5;
/** a: CR2, b: error code */
export const LOG_PAGE_FAULT = 6;
/** a: address, b: signal << 32 | code */
export const LOG_SIGNAL = 7;
/** a: rip of the guarded access, b: errno that it becomes */
export const LOG_FIXUP = 8;
/** a: token that the task waits for */
export const LOG_BLOCK = 9;
/** a: token */
export const LOG_WAKE = 10;
/** a: task that runs now */
export const LOG_SWITCH = 11;
export const LOG_IDLE = 12;
/** a: can_continue, b: answer */
export const LOG_HYPERCALL = 13;
/** a: token, b: result */
export const LOG_RESOLVED = 14;
/** a: code, b: address */
export const LOG_PANIC = 15;
/** a: task */
export const LOG_TASK_DONE = 16;
/** a: token of an event that nobody waits for */
export const LOG_SPURIOUS = 17;

/** One access of a task, `repeat` times. */
export const commandLayout = structLayout('command', 32, {
  /** ACCESS_* */
  access: [0, 4],
  /** ACCESS_FLIP_INTERRUPTS */
  flags: [4, 4],
  /** times, one outcome each */
  repeat: [8, 4],
  /** index of its first outcome */
  first: [12, 4],
  /** gva */
  address: [16, 8],
  /** to be stored, to be added, trips of the loop */
  value: [24, 8],
});

/** What came of it. TSC of the guest. */
export const outcomeLayout = structLayout('outcome', 48, {
  /** right before the access */
  tsc_before: [0, 8],
  /** behind it, or in the signal handler, or back from the kernel */
  tsc_after: [8, 8],
  /** loaded, or what was stored or added up */
  value: [16, 8],
  /** OUTCOME_SIGNAL: si_addr */
  address: [24, 8],
  /** OUTCOME_* */
  result: [32, 4],
  /** OUTCOME_SIGNAL: SIGNAL_* */
  signal: [36, 4],
  /** OUTCOME_SIGNAL: CODE_*; OUTCOME_ERROR: ERROR_* */
  code: [40, 4],
  /** which made it */
  task: [44, 4],
});

/** What one task is to do. */
export const programLayout = structLayout('program', 528, {
  /** commands; 0: there is no such task */
  count: [0, 4],
  /** written by the guest: 1 while it has not ended */
  state: [4, 4],
  /** written by the guest: outcomes so far, trips of its loops */
  progress: [8, 8],
  command: [16, 512],
});

/** Everything both ends write; CPL3 may touch it. */
export const controlLayout = structLayout('control', 100664, {
  /** written by the VMM before boot: LOSS_MAGIC */
  magic: [0, 4],
  /** LOSS_ABI_VERSION */
  abi_version: [4, 4],
  /** FEATURE_* */
  features: [8, 4],
  /** NMI_* */
  nmi_action: [12, 4],
  /** gva for NMI_LOAD */
  nmi_address: [16, 8],
  window_pages: [24, 4],
  /** LAPIC initial count of one tick (divide by 16); 0: no ticks */
  timer_count: [28, 4],
  /** PANIC_*; written by the guest from here on */
  panic_code: [32, 4],
  /** 1: enabled; 3: with errors */
  apf_enabled: [36, 4],
  panic_vector: [40, 8],
  panic_error: [48, 8],
  panic_rip: [56, 8],
  /** CR2, or the address that the event named */
  panic_address: [64, 8],
  /** of the code that was interrupted */
  panic_cpl: [72, 8],
  /** events taken, by kind */
  not_present: [80, 8],
  ready: [88, 8],
  ready_errors: [96, 8],
  wake_all: [104, 8],
  ve: [112, 8],
  ve_at_cpl0: [120, 8],
  machine_checks: [128, 8],
  nmis: [136, 8],
  page_faults: [144, 8],
  signals: [152, 8],
  fixups: [160, 8],
  hypercalls: [168, 8],
  switches: [176, 8],
  idle: [184, 8],
  ticks: [192, 8],
  resolved: [200, 8],
  /** ready events for nobody */
  spurious: [208, 8],
  /** pages taken away for good after a machine check */
  bad_pages: [216, 8],
  /** guarded loads of the NMI handler that failed */
  nmi_lost: [224, 8],
  last_mci_status: [232, 8],
  last_mci_misc: [240, 8],
  program: [248, 2112],
  outcome: [2360, 98304],
});

/** Intel's virtualization-exception information area (SDM vol. 3, 26.5.7.2), one page, and the project's flags and wake-up word. */
export const veInformationLayout = structLayout('ve_information', 80, {
  /** VE_REASON_EPT_VIOLATION */
  exit_reason: [0, 4],
  /** VE_BUSY from delivery on, until the guest has taken the information */
  busy: [4, 4],
  /** VE_READ, VE_WRITE, VE_FETCH */
  qualification: [8, 8],
  gva: [16, 8],
  gpa: [24, 8],
  eptp_index: [32, 2],
  /** VE_RECOVERABLE */
  flags: [64, 4],
  /** of VECTOR_RESOLVED; the guest clears it, then the next may come */
  resolved_token: [72, 4],
  /** RESOLVE_DONE or RESOLVE_LOST */
  resolved_result: [76, 4],
});

/** KVM's shared area of asynchronous page faults, with the word of 2020's proposal. */
export const apfAreaLayout = structLayout('apf_area', 64, {
  /** APF_NOT_PRESENT */
  flags: [0, 4],
  /** of the ready event; the guest clears it, then acknowledges */
  token: [4, 4],
  /** APF_READY_ERROR */
  ready_flags: [8, 4],
});

export const logEntryLayout = structLayout('log_entry', 32, {
  tsc: [0, 8],
  /** LOG_* */
  kind: [8, 4],
  /** that was current; LOSS_MAX_TASKS: idle */
  task: [12, 4],
  a: [16, 8],
  b: [24, 8],
});

export const eventLogLayout = structLayout('event_log', 32800, {
  /** entries ever written; entry n is at n % LOSS_LOG_ENTRIES */
  count: [0, 8],
  entry: [32, 32768],
});
