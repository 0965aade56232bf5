/** Lost accesses in words. */
import type { LostAccess } from './lost-access.js';

/** One access, with everything that is known of it. */
export function describeLostAccess({ access, cpl, gva, gpa, cause, rip }: LostAccess): string {
  return `${access} at CPL${cpl}, gva 0x${gva.toString(16)}, gpa 0x${gpa.toString(16)}, rip 0x${rip.toString(16)}: ${cause}`;
}
