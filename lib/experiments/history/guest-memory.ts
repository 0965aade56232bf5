/** Where the history guest keeps what: gpa and gva alike. Its handlers, its data and its log are the kernel's; two tasks at CPL3 are all there is besides. */
import { addresses } from '../../probes/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import type { EventLogPlace } from '../machine-code/event-log.js';

/** Handlers, one page. */
export const HANDLERS = addresses.kernelCode;
export const HANDLERS_BYTES = PAGE_SIZE;

/** Information area of #VE: 4 KiB-aligned, fields as the SDM has them (vol. 3, 26.5.7.2). */
export const VE_AREA = addresses.kernelData;
export const VE = { exitReason: VE_AREA, busy: VE_AREA + 4, qualification: VE_AREA + 8, gla: VE_AREA + 16, gpa: VE_AREA + 24 } as const;
/** Exit reason of an EPT violation (SDM vol. 3, appendix C). */
export const EXIT_REASON_EPT_VIOLATION = 48;
/** What the CPU writes to the busy word when it delivers #VE. */
export const VE_BUSY = 0xffff_ffff;

/** Area of the async page fault protocol: the reason of 2010, which is the flags word of 2020, and the token slot of 2020. */
export const APF_REASON = addresses.kernelData + 0x40;
export const APF_TOKEN = APF_REASON + 4;

/** Token that task A sleeps for, and the one that the kernel itself waits for; 0 for none. */
export const TASK_WAITS = addresses.kernelData + 0x80;
export const KERNEL_WAITS = addresses.kernelData + 0x88;
/** The exception table, of one entry: an instruction that may fault, and where to go on when it did. */
export const EXCEPTION_TABLE = { instruction: addresses.kernelData + 0x98, fixup: addresses.kernelData + 0xa0 } as const;

/** What the handlers note. */
export const LOG: EventLogPlace = { start: addresses.userData, end: addresses.userData + PAGE_SIZE, tail: addresses.kernelData + 0x90 };

/** Task A: loads a byte from {@link PAGE}, then traps. Task B: traps for ever. */
export const TASK_A = addresses.userCode;
export const TASK_A_CODE = [0x8a, 0x03]; // mov al,[rbx]
export const TASK_A_END = TASK_A + TASK_A_CODE.length;
export const TASK_B = addresses.userCode + 0x100;
export const TASK_B_CODE = [0x0f, 0x0b, 0xeb, 0xfc]; // ud2; jmp back
export const UD2_BYTES = 2;

/** The page that the host has lost, and another one behind it. */
export const PAGE = addresses.page;
export const SECOND_PAGE = addresses.page + PAGE_SIZE;
/** User memory that the guest itself has not mapped: touching it is a real page fault. */
export const UNMAPPED = 0x20_0000 - PAGE_SIZE;

/** Vector of ready events by interrupt. */
export const READY_VECTOR = 0xf3;

/** Ports by which the guest tells the VMM where it is. */
export const PORTS = { taskB: 0xe0, taskADone: 0xe1, killed: 0xe2, panic: 0xe3, resolveAndReturn: 0xe4, resolveAndContinue: 0xe5 } as const;
