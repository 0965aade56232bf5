/**
 * Contents of a machine-check bank that reports lost memory, recoverable, with action required. Source: Intel SDM vol. 3, "Machine-Check Architecture": architecturally
 * defined SRAR errors are data load and instruction fetch; there is none for stores.
 */

/** IA32_MCG_CAP: software error recovery is there. */
export const MCG_SER_P = 1n << 24n;
/** IA32_MCG_STATUS: RIPV, EIPV, MCIP. */
export const MCG_STATUS_RECOVERABLE = 0b111n;
/** IA32_MCi_MISC: a physical address, valid from bit 12 on: a page. */
export const MCI_MISC_PAGE = (2n << 6n) | 12n;

/** VAL, UC, EN, MISCV, ADDRV, S, AR. */
const MCI_STATUS_ACTION_REQUIRED = [63n, 61n, 60n, 59n, 58n, 56n, 55n].reduce((bits, bit) => bits | (1n << bit), 0n);
/** MCA error codes of the two. */
const ERROR_CODES = { 'data-load': 0x134n, 'instruction-fetch': 0x150n } as const;

/** IA32_MCi_STATUS of one of the errors that the architecture has. */
export function mciStatus(error: keyof typeof ERROR_CODES): bigint {
  return MCI_STATUS_ACTION_REQUIRED | ERROR_CODES[error];
}
