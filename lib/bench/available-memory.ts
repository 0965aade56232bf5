/** How much memory a run may take. */
import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';

/** Bytes that can be had without swapping: MemAvailable of /proc/meminfo, which counts reclaimable page cache, unlike what is merely free. */
export function availableMemoryBytes(): number {
  const kib = /^MemAvailable:\s*(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}
