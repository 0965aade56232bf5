/** Errors on their way between threads: postMessage keeps only the message and the stack of an Error, not its code. */
import { FaultLabError, fromNative } from '../errors/index.js';
import type { SerializedError } from './plan.js';

/** Plain data for postMessage. */
export function serializeError(error: unknown): SerializedError {
  const coded = fromNative(error, 'go on');
  return {
    code: coded.code,
    message: coded.message,
    ...(coded.hint === undefined ? {} : { hint: coded.hint }),
    ...(coded.syscall === undefined ? {} : { syscall: coded.syscall }),
    ...(coded.errno === undefined ? {} : { errno: coded.errno }),
    ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
  };
}

/**
 * The error again.
 * @param where - put before the message: which Worker it comes from
 */
export function deserializeError(error: SerializedError, where: string): FaultLabError {
  const copy = new FaultLabError(error.code, `${where}: ${error.message}`, {
    hint: error.hint,
    syscall: error.syscall,
    errno: error.errno,
  });
  if (error.stack !== undefined) copy.stack = `${copy.name}: ${copy.message}\n${error.stack}`;
  return copy;
}
