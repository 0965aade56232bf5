import { hintFor } from './hints.js';

/** Everything about a failure besides its code and message. */
export interface FaultLabErrorDetails {
  /** The ioctl or system call that failed, by its name in the kernel's documentation: `KVM_CREATE_VM`. */
  readonly syscall?: string | undefined;
  /** Positive errno number. */
  readonly errno?: number | undefined;
  /** What the user can do; the standing hint of the code where it is left out. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * Every failure this project reports on purpose. `message` says what was tried and what happened, `hint` what the user
 * can do; `code` is stable and for programs.
 */
export class FaultLabError extends Error {
  override readonly name = 'FaultLabError';
  /** Stable, for programs: a family and an errno name (`KVM_EFAULT`), or a condition (`CAP_MISSING`). */
  readonly code: string;
  readonly syscall: string | undefined;
  readonly errno: number | undefined;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: FaultLabErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.syscall = details.syscall;
    this.errno = details.errno;
    this.hint = details.hint ?? hintFor(code);
  }
}
