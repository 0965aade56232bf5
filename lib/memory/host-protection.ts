/** What this process may do with an address of its own, as the kernel sees it (proc_pid_maps(5)). Slow: for diagnosis. */
import { readFileSync } from 'node:fs';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../uapi/index.js';

/** `7f0e7a200000-7f0e7a201000 rw-s ...`. */
const LINE = /^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])/gm;

/**
 * PROT_* bits of the mapping that holds an address.
 * @param hva - any address
 * @returns null where nothing is mapped
 */
export function protectionAt(hva: bigint): number | null {
  for (const [, start, end, read, write, execute] of readFileSync('/proc/self/maps', 'latin1').matchAll(LINE)) {
    if (hva < BigInt(`0x${start}`) || hva >= BigInt(`0x${end}`)) continue;
    return (read === 'r' ? PROT_READ : 0) | (write === 'w' ? PROT_WRITE : 0) | (execute === 'x' ? PROT_EXEC : 0);
  }
  return null;
}
