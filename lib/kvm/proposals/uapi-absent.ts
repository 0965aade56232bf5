import { errnoMeaning, errnoName, FaultLabError } from '../../errors/index.js';

/** The error for something that the running kernel does not have; `what` is its name in C. */
export function uapiAbsent(what: string, errno: number): FaultLabError {
  return new FaultLabError('UAPI_ABSENT', `this kernel does not have ${what}: it answers ${errnoName(errno)}`, { syscall: what, errno });
}

/** The error for a call that the kernel has and that failed. */
export function uapiFailure(tried: string, syscall: string, errno: number): FaultLabError {
  return new FaultLabError(`KVM_${errnoName(errno)}`, `could not ${tried}: ${syscall} failed with ${errnoName(errno)} (${errnoMeaning(errno)})`, { syscall, errno });
}
