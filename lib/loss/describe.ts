/** Lost accesses in words. */
import type { LostAccess } from '../faults/index.js';

/** One access, with everything that is known of it. */
export function describeLostAccess({ access, cpl, gva, gpa, cause, rip }: LostAccess): string {
  const address = gva === null ? 'no gva' : `gva 0x${gva.toString(16)}`;
  return `${access} at CPL${cpl}, ${address}, gpa 0x${gpa.toString(16)}, rip 0x${rip.toString(16)}: ${cause}`;
}
