import { EINVAL, ENOTTY, errnoName, FaultLabError } from '../../errors/index.js';

/** Runs a call that fails with an errno: 0 where it succeeded, else the positive errno. Any other failure is thrown on. */
export function errnoOf(call: () => unknown): number {
  try {
    call();
    return 0;
  } catch (error) {
    if (error instanceof FaultLabError && error.errno !== undefined) return error.errno;
    throw error;
  }
}

/** True for the errnos by which KVM says that it does not know a request: EINVAL for one on a vCPU of x86, ENOTTY elsewhere. */
export function meansUnknown(errno: number): boolean {
  return errno === EINVAL || errno === ENOTTY;
}

/** An errno as facts tell it: `taken`, or `EINVAL`. */
export function outcome(errno: number): string {
  return errno === 0 ? 'taken' : errnoName(errno);
}
