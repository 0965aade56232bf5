import { errnoMeaning, errnoName } from './errno.js';
import { FaultLabError, type FaultLabErrorDetails } from './fault-lab-error.js';

/** The shape of an error thrown by the native addon (and by Node's own system calls). */
interface CodedError extends Error {
  readonly code: string;
  readonly errno?: unknown;
  readonly syscall?: unknown;
}

/** True for an `Error` that carries a string `code`. */
export function isCoded(error: unknown): error is CodedError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/**
 * Turns what the native addon threw into a `FaultLabError` that says what was being tried.
 *
 * `tried` completes "could not ...": `create vCPU 3`. A `FaultLabError` comes back as it is: it was explained where it
 * happened. An error without a code is a bug rather than a condition of the host; its code is `UNEXPECTED`.
 */
export function fromNative(error: unknown, tried: string, details: Pick<FaultLabErrorDetails, 'hint'> = {}): FaultLabError {
  if (error instanceof FaultLabError) return error;
  // The same class of another copy of this module: what is loaded into a bundled Worker from outside has one.
  if (isCoded(error) && error.name === 'FaultLabError') return new FaultLabError(error.code, error.message, { ...detailsOf(error), cause: error });
  if (!isCoded(error)) {
    return new FaultLabError('UNEXPECTED', `could not ${tried}: ${error instanceof Error ? error.message : String(error)}`, { ...details, cause: error });
  }
  const syscall = typeof error.syscall === 'string' ? error.syscall : undefined;
  // Node's own errors carry a negative errno, the addon's a positive one.
  const errno = typeof error.errno === 'number' && error.errno !== 0 ? Math.abs(error.errno) : undefined;
  // The addon names the call and the errno itself; another library's error may not.
  const complete = errno === undefined || error.message.includes(errnoName(errno));
  const what = complete ? error.message : `${syscall ?? 'the call'} failed with ${errnoName(errno)} (${errnoMeaning(errno)})`;
  return new FaultLabError(error.code, `could not ${tried}: ${what}`, { ...details, syscall, errno, cause: error });
}

function detailsOf(error: CodedError & { readonly hint?: unknown }): FaultLabErrorDetails {
  return {
    ...(typeof error.hint === 'string' ? { hint: error.hint } : {}),
    ...(typeof error.syscall === 'string' ? { syscall: error.syscall } : {}),
    ...(typeof error.errno === 'number' ? { errno: error.errno } : {}),
  };
}

/** Runs `action`; what it throws leaves as a `FaultLabError` that says what was being tried. Not for hot paths. */
export function attempt<T>(tried: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fromNative(error, tried);
  }
}
