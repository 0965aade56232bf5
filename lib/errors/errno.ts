/**
 * errno numbers and names on Linux x86-64.
 *
 * Node knows the numbers of the build platform (`os.constants.errno`), but not the ones its own runtime never meets: KVM
 * reports a hardware-poisoned page as EHWPOISON.
 */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** Memory page has a hardware error (include/uapi/asm-generic/errno.h). */
export const EHWPOISON = 133;

export const EPERM = constants.errno.EPERM;
export const ENOENT = constants.errno.ENOENT;
export const ESRCH = constants.errno.ESRCH;
export const EINTR = constants.errno.EINTR;
export const EIO = constants.errno.EIO;
export const ENXIO = constants.errno.ENXIO;
export const E2BIG = constants.errno.E2BIG;
export const EBADF = constants.errno.EBADF;
export const EAGAIN = constants.errno.EAGAIN;
export const ENOMEM = constants.errno.ENOMEM;
export const EACCES = constants.errno.EACCES;
export const EFAULT = constants.errno.EFAULT;
export const EBUSY = constants.errno.EBUSY;
export const EEXIST = constants.errno.EEXIST;
export const ENODEV = constants.errno.ENODEV;
export const EINVAL = constants.errno.EINVAL;
export const ENOTTY = constants.errno.ENOTTY;
export const ENOSPC = constants.errno.ENOSPC;
export const ENOSYS = constants.errno.ENOSYS;
export const EALREADY = constants.errno.EALREADY;
export const EOPNOTSUPP = constants.errno.EOPNOTSUPP;

const numberByName: ReadonlyMap<string, number> = new Map([...Object.entries(constants.errno), ['EHWPOISON', EHWPOISON]]);

// EAGAIN comes before EWOULDBLOCK and EOPNOTSUPP must win over ENOTSUP: the kernel's documentation uses those spellings.
const aliases = new Set(['EWOULDBLOCK', 'ENOTSUP']);
const nameByNumber: ReadonlyMap<number, string> = new Map(
  [...numberByName].filter(([name]) => !aliases.has(name)).map(([name, number]) => [number, name]),
);

/** Name of a positive errno number, `errno 4095` where there is none. */
export function errnoName(errno: number): string {
  return nameByNumber.get(errno) ?? `errno ${errno}`;
}

/** Positive errno number of a name such as `EFAULT`; undefined where there is none. */
export function errnoNumber(name: string): number | undefined {
  return numberByName.get(name);
}

/** What the C library would say about a positive errno number, in lower case; its name where nothing is known. */
export function errnoMeaning(errno: number): string {
  if (errno === EHWPOISON) return 'memory page has a hardware error';
  // Node's map also has errors of its own making, from -4095 on: only real numbers are looked up.
  return (nameByNumber.has(errno) ? getSystemErrorMap().get(-errno)?.[1] : undefined) ?? errnoName(errno);
}
