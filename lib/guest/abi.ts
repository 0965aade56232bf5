import { structLayout } from '../uapi/index.js';

export const ABI_MAGIC = 1262898242;
export const ABI_VERSION = 1;
export const PAGE_SIZE = 4096;
export const MAX_VCPUS = 64;
export const MAX_TASKS = 64;
export const PF_USER = 1048576;
export const PF_PRIVATE = 2097152;
export const IDT_BASE = 4096;
export const DESCRIPTOR_BASE = 8192;
export const TSS_OFFSET = 256;
export const IMAGE_BASE = 1048576;
export const IMAGE_LIMIT = 2097152;
export const MAILBOX_BASE = 2097152;
export const VCPU_BLOCK_BASE = 2101248;
export const TABLES_BASE = 1073741824;
export const WINDOW_BASE = 4294967296;
export const SELECTOR_KERNEL_CODE = 8;
export const SELECTOR_KERNEL_DATA = 16;
export const SELECTOR_USER_DATA = 27;
export const SELECTOR_USER_CODE = 35;
export const SELECTOR_TSS = 40;
export const IST_COUNT = 3;
export const VECTOR_TIMER = 236;
export const VECTOR_APF_READY = 243;
export const VECTOR_SPURIOUS = 255;
export const DOORBELL_PORT = 244;
export const DOORBELL_BOOTED = 1;
export const DOORBELL_DONE = 2;
export const DOORBELL_PANIC = 3;
export const TRAP_NULL = 0;
export const TRAP_EXIT = 1;
export const STATE_EMPTY = 0;
export const STATE_CONTROL_BEFORE = 1;
export const STATE_PAGING = 2;
export const STATE_CONTROL_AFTER = 3;
export const STATE_DONE = 4;
export const STATE_PANIC = 5;
export const PANIC_EXCEPTION = 1;
export const PANIC_BAD_MAILBOX = 2;
export const PANIC_BAD_TRAP = 3;
export const PANIC_APF_KERNEL = 4;
export const PANIC_APF_REASON = 5;
export const PANIC_TOKEN_TABLE = 6;
export const CHECKSUM_SEED = 2166136261;
export const CHECKSUM_PRIME = 16777619;
export const MAILBOX_STOP = 1;
export const vectorEntryLayout = structLayout('vector_entry', 16, {
  vector: [0, 4],
  ist: [4, 4],
  handler: [8, 8],
});
export const mailboxLayout = structLayout('mailbox', 240, {
  magic: [0, 4],
  abi_version: [4, 4],
  vcpu_count: [8, 4],
  fault_tasks: [12, 4],
  work_tasks: [16, 4],
  flags: [20, 4],
  timer_count: [24, 4],
  control_ticks: [28, 4],
  page_count: [32, 8],
  window: [40, 8],
  order: [48, 8],
  sums: [56, 8],
  latencies: [64, 8],
  expected: [72, 8],
  cursor: [112, 8],
  barrier: [176, 16],
});
export const phaseRecordLayout = structLayout('phase_record', 48, {
  tsc_start: [0, 8],
  tsc_end: [8, 8],
  work_start: [16, 8],
  work_end: [24, 8],
  kernel_cycles_start: [32, 8],
  kernel_cycles_end: [40, 8],
});
export const vcpuBlockLayout = structLayout('vcpu_block', 912, {
  apf_flags: [0, 4],
  apf_token: [4, 4],
  state: [64, 4],
  panic_code: [68, 4],
  panic_vector: [72, 8],
  panic_error: [80, 8],
  panic_rip: [88, 8],
  panic_cr2: [96, 8],
  apf_enabled: [104, 4],
  fault_tasks_done: [108, 4],
  not_present: [112, 8],
  ready: [120, 8],
  wake_all: [128, 8],
  early_ready: [136, 8],
  spurious_ready: [144, 8],
  ticks: [152, 8],
  traps: [160, 8],
  switches: [168, 8],
  idle: [176, 8],
  pages: [184, 8],
  mismatches: [192, 8],
  cycles_not_present: [200, 8],
  cycles_ready: [208, 8],
  cycles_tick: [216, 8],
  cycles_trap: [224, 8],
  null_traps: [232, 8],
  null_trap_cycles: [240, 8],
  null_trap_kernel_cycles: [248, 8],
  phase: [256, 144],
  work: [400, 512],
});
