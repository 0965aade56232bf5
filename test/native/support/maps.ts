/** What the kernel says is mapped into this process. */
import { readFileSync } from 'node:fs';

/** How many mappings of the memfd `name` this process has. A name, because an address may be reused at once. */
export function mappingsOf(name: string): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/memfd:${name} `) || line.endsWith(`/memfd:${name}`)).length;
}
