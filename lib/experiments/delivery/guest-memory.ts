/** Where the delivery guest keeps what. */
import { addresses } from '../../probes/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import type { EventLogPlace } from '../machine-code/event-log.js';

/** The area that the guest shares with KVM: the flags word, then the token word. */
export const AREA = addresses.kernelData;
export const FLAGS_WORD = AREA;
export const TOKEN_WORD = AREA + 4;
/** Not 0 once a ready event came after the last not-present event. */
export const WOKEN = AREA + 0x40;
/** TSC after which a handler no longer looks for a token. */
export const DEADLINE = AREA + 0x50;
/** What the handlers note. */
export const LOG: EventLogPlace = { start: addresses.userData, end: addresses.userData + PAGE_SIZE, tail: AREA + 0x48 };
/** Handlers, behind whatever code a guest at CPL0 has in the same page. */
export const HANDLERS = addresses.kernelCode + 0x400;
export const HANDLERS_BYTES = PAGE_SIZE - 0x400;
/** Vector of ready events. */
export const READY_VECTOR = 0xf3;
