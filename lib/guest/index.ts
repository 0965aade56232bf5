/** The tiny guest as the VMM sees it: ELF file, memory layout, boot state, mailbox. */
export {
  CALIBRATION_TRAPS,
  DESCRIPTOR_BASE,
  DOORBELL_BOOTED,
  DOORBELL_DONE,
  DOORBELL_PANIC,
  DOORBELL_PHASE,
  DOORBELL_PORT,
  DOORBELL_RINGS,
  IDT_BASE,
  MAX_TASKS,
  MAX_VCPUS,
  SELECTOR_KERNEL_CODE,
  SELECTOR_USER_DATA,
  TABLES_BASE,
  TSS_OFFSET,
  WINDOW_BASE,
} from './abi.js';
export { bootVcpu, installGuest, type VcpuBootState } from './boot.js';
export { guestElf, type BuiltGuest } from './built.js';
export { checksumPage } from './checksum.js';
export { guestCpuid } from './cpuid.js';
export { writeDescriptorPage, writeIdt, type VectorHandler } from './descriptor-tables.js';
export { parseElf, refuseGuest, type ElfImage, type ElfSegment } from './elf.js';
export { Frames } from './frames.js';
export { MAX_ORDER_ENTRIES, MAX_WINDOW_PAGES, NO_TRACE, layOutGuest, type GuestLayout, type TraceSize } from './layout.js';
export { setLongMode, type LongModeState } from './long-mode.js';
export { Mailbox, type GuestJob, type GuestPhase, type GuestVcpuReport, type PhaseReport } from './mailbox.js';
export { NOTES_KEPT, type GuestNotes } from './notes.js';
export { readTrace, type GuestTraceLane, type GuestTraceSpan } from './trace-lanes.js';
export { guestPanic } from './panic.js';
export { PageTables, type PageAccess, type TableMemory } from './page-tables.js';
export { readVectorTable } from './vector-table.js';
export {
  TRAP_CHOICES,
  TRAP_INSTRUCTIONS,
  describeProbe,
  isTrapChoice,
  spellTrap,
  type TrapChoice,
  type TrapInstruction,
  type TrapProbe,
  type TrapRecord,
  type TrapReport,
} from './trap.js';
