/** System calls through libc and libffi: the way to the kernel that shares nothing with the addon. */
import { createRequire } from 'node:module';

type Word = number | string;
type Callable = (...args: unknown[]) => Word;
/** Takes the types of the variadic arguments, gives the function for them. */
type Variadic = (...types: string[]) => Callable;
interface Ffi {
  Library(file: null, functions: Record<string, readonly unknown[]>): Record<string, unknown>;
  errno(): number;
}

/** What a call returned, and errno where that was -1 (else 0). */
export interface CallResult {
  readonly value: number;
  readonly errno: number;
}

// From dist/test/oracle to the oracle's own node_modules.
const ffi = createRequire(new URL('../../../test/oracle/package.json', import.meta.url))('ffi-napi') as Ffi;

const libc = ffi.Library(null, {
  open: ['int', ['string', 'int']],
  close: ['int', ['int']],
  ioctl: ['int', ['int', 'ulong'], { varargs: true }],
  mmap: ['ulong', ['ulong', 'ulong', 'int', 'int', 'int', 'long']],
  munmap: ['int', ['ulong', 'ulong']],
  syscall: ['long', ['long'], { varargs: true }],
  sched_setaffinity: ['int', ['int', 'ulong', 'pointer']],
}) as {
  readonly open: Callable;
  readonly close: Callable;
  readonly ioctl: Variadic;
  readonly mmap: Callable;
  readonly munmap: Callable;
  readonly syscall: Variadic;
  readonly sched_setaffinity: Callable;
};

const ioctlWord = libc.ioctl('ulong');
const ioctlPointer = libc.ioctl('pointer');
const syscallInt = libc.syscall('int');

/** A word above 2^53 comes as text; the only ones here are -1 as unsigned. */
function outcome(word: Word): CallResult {
  const errno = ffi.errno();
  const failed = typeof word === 'string' || word === -1;
  return failed ? { value: -1, errno } : { value: word, errno: 0 };
}

export const O_RDWR = 2;
export const PROT_READ_WRITE = 3;
export const MAP_PRIVATE_ANONYMOUS = 0x22;
const SYS_USERFAULTFD = 323;

/** open(2). */
export const open = (path: string, flags: number): CallResult => outcome(libc.open(path, flags));

/** close(2). */
export const close = (fd: number): CallResult => outcome(libc.close(fd));

/** ioctl(2) with a number or a buffer that the kernel reads and writes. */
export function ioctl(fd: number, request: number, argument: number | Buffer = 0): CallResult {
  return outcome(typeof argument === 'number' ? ioctlWord(fd, request, argument) : ioctlPointer(fd, request, argument));
}

/** mmap(2) of anonymous memory; `value` is its address. */
export const mapAnonymous = (sizeBytes: number): CallResult =>
  outcome(libc.mmap(0, sizeBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));

/** munmap(2). */
export const unmap = (address: number, sizeBytes: number): CallResult => outcome(libc.munmap(address, sizeBytes));

/** userfaultfd(2), which has no wrapper in libc. */
export const userfaultfd = (flags: number): CallResult => outcome(syscallInt(SYS_USERFAULTFD, flags));

/** sched_setaffinity(2): keeps the calling thread on one CPU (below 64). */
export function pinTo(cpu: number): CallResult {
  const mask = Buffer.alloc(128);
  mask.writeBigUInt64LE(1n << BigInt(cpu));
  return outcome(libc.sched_setaffinity(0, mask.byteLength, mask));
}
