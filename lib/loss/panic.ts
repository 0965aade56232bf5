/** Why the guest's kernel gave up, in words. */
import { describeVector } from '../probes/index.js';
import * as abi from './abi.js';
import type { LossPanic } from './control-block.js';

const REASONS: Readonly<Record<number, string>> = {
  [abi.PANIC_LOST_MEMORY]: 'it touched lost memory itself, and nothing guarded the access',
  [abi.PANIC_MACHINE_CHECK]: 'a machine check that says nothing to act on',
  [abi.PANIC_STRAY_EVENT]: 'a not-present event that nobody can wait for',
  [abi.PANIC_BAD_PROGRAM]: 'a command that it does not know',
};

/** One sentence. */
export function describePanic({ code, vector, error, rip, address, cpl }: LossPanic): string {
  const reason = REASONS[code] ?? `an exception that it did not expect (code ${code})`;
  return `${reason}: ${describeVector({ vector, errorCode: error === 0 ? undefined : error })} at rip 0x${rip.toString(16)}, CPL${cpl}, address 0x${address.toString(16)}`;
}
