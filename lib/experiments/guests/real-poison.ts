/** Poison as the hardware makes it: pages that memory failure takes from the host until the next boot. For the lab alone. */
import { existsSync, fstatSync, readFileSync, writeFileSync } from 'node:fs';
import { FaultLabError } from '../../errors/index.js';
import { readHost, type GuestMemfd } from '../../kvm/index.js';

/** debugfs of the hwpoison-inject module (Documentation/mm/hwpoison.rst). */
export const INJECTOR = '/sys/kernel/debug/hwpoison';
const RECOVERY = '/proc/sys/vm/memory_failure_recovery';

/** Bits of /proc/kpageflags (Documentation/admin-guide/mm/pagemap.rst). */
const UNEVICTABLE = 1 << 18;
const NOT_OF_A_GUEST = (1 << 10) | (1 << 11) | (1 << 12) | (1 << 14); // BUDDY, MMAP, ANON, SWAPBACKED

/** Why memory of this host is not poisoned, as the middle of a sentence; null where it may be, since nobody will miss it. */
export function whyNoRealPoison(): string | null {
  if (!existsSync(RECOVERY)) return 'this kernel has no memory failure (CONFIG_MEMORY_FAILURE)';
  const inLab = process.env['KVM_FAULTLAB_LAB'] !== undefined && readHost().emulated;
  return inLab ? null : 'it takes memory of the host away until the next boot, and is done in the lab alone (--lab)';
}

/**
 * Refuses to poison memory that somebody would miss.
 * @throws FaultLabError `NO_SUCH_MEMORY` with {@link whyNoRealPoison}
 */
export function refuseRealPoison(): void {
  const why = whyNoRealPoison();
  if (why !== null) throw new FaultLabError('NO_SUCH_MEMORY', `no memory is poisoned here: ${why}`);
}

/** Low words of the flags of all physical pages, with the high ones between them (/proc/kpageflags). */
function pageFlags(): Uint32Array {
  const bytes = readFileSync('/proc/kpageflags');
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/**
 * Poisons the one page that `takePage` makes the guest take from `memfd`. No address leads to it, since nobody has it mapped: it is the page of the host
 * that became unevictable meanwhile.
 * @throws FaultLabError `NO_SUCH_MEMORY` where memory of this host is not to be poisoned, or there is no injector
 */
export function poisonGuestMemfd(memfd: GuestMemfd, takePage: () => void): void {
  refuseRealPoison();
  if (!existsSync(INJECTOR)) throw new FaultLabError('NO_SUCH_MEMORY', 'this kernel has no hwpoison-inject in debugfs');
  const drained = (): Uint32Array => {
    // New pages get their flags when they leave the CPU's batch.
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    return pageFlags();
  };
  const isGuests = (flags: number): boolean => (flags & UNEVICTABLE) !== 0 && (flags & NOT_OF_A_GUEST) === 0;
  const earlier = drained();
  takePage();
  const pages: number[] = [];
  const later = drained();
  for (let at = 0; at < later.length; at += 2) if (isGuests(later[at]) && !isGuests(earlier[at])) pages.push(at / 2);
  if (pages.length !== 1) throw new FaultLabError('NO_SUCH_MEMORY', `${pages.length} pages became unevictable while the guest took one: which is to be poisoned cannot be told`);
  // The injector refuses pages of any other file system.
  const { dev } = fstatSync(memfd.file.fd);
  const filter = (name: string, value: number): void => { writeFileSync(`${INJECTOR}/corrupt-filter-${name}`, String(value)); };
  filter('dev-major', dev >> 8);
  filter('dev-minor', dev & 0xff);
  filter('enable', 1);
  try {
    writeFileSync(`${INJECTOR}/corrupt-pfn`, `0x${pages[0].toString(16)}`);
  } catch (error) {
    // The page stays in its file, which the kernel calls a failed recovery.
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
  } finally {
    filter('enable', 0);
  }
}
