import { FaultLabError, isCoded } from '../../../errors/index.js';

/** Runs a call that fails with an errno: 0 where it succeeded, else the positive errno. Any other failure is thrown on. */
export function errnoOf(call: () => unknown): number {
  try {
    call();
    return 0;
  } catch (error) {
    if (error instanceof FaultLabError && error.errno !== undefined) return error.errno;
    if (isCoded(error) && 'errno' in error && typeof error.errno === 'number') return error.errno;
    throw error;
  }
}
