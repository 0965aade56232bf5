/** A guest that gave up: its own record of why, as an error. */
import { FaultLabError } from '../errors/index.js';
import { PAGE_SIZE, StructView } from '../uapi/index.js';
import * as abi from './abi.js';
import { TRAP_INSTRUCTIONS, describeProbe, readTrapChoice, readTraps, spellTrap } from './trap.js';

const REASONS: Readonly<Record<number, string>> = {
  [abi.PANIC_EXCEPTION]: 'an exception it did not expect',
  [abi.PANIC_BAD_MAILBOX]: 'the mailbox makes no sense to it',
  [abi.PANIC_BAD_TRAP]: 'a task made a trap it does not know',
  [abi.PANIC_APF_KERNEL]: 'a not-present event came while it could not be taken',
  [abi.PANIC_APF_REASON]: 'an unknown reason in the async page fault area',
  [abi.PANIC_TOKEN_TABLE]: 'more tokens than it has room for',
  [abi.PANIC_OTHER_TRAP]: 'a task trapped by another instruction than the one in use',
};

/**
 * Why the guest of one vCPU gave up.
 * @param low - a view of low RAM from gpa 0
 * @param index - of the vCPU
 * @returns `TRAP_UNUSABLE` where the host has not the trap that was asked for, `GUEST_PANIC` for every other reason
 */
export function guestPanic(low: DataView, index: number): FaultLabError {
  const block = abi.VCPU_BLOCK_BASE + index * PAGE_SIZE;
  const view = new StructView(abi.vcpuBlockLayout, low, block);
  const code = view.number('panic_code');
  if (code === abi.PANIC_NO_TRAP) return unusableTrap(low, block);
  return new FaultLabError('GUEST_PANIC', `the guest gave up: ${REASONS[code] ?? `unknown code ${code}`}${detailsOf(code, view)}`);
}

function detailsOf(code: number, view: StructView<keyof typeof abi.vcpuBlockLayout.fields>): string {
  const hex = (field: 'panic_error' | 'panic_rip' | 'panic_cr2'): string => `0x${view.get(field).toString(16)}`;
  switch (code) {
    case abi.PANIC_EXCEPTION:
      return ` (vector ${view.number('panic_vector')}, error ${hex('panic_error')}, rip ${hex('panic_rip')}, cr2 ${hex('panic_cr2')})`;
    case abi.PANIC_OTHER_TRAP:
      return ` (rip ${hex('panic_rip')})`;
    default:
      return '';
  }
}

function unusableTrap(low: DataView, block: number): FaultLabError {
  const { by } = readTraps(low, block);
  const wanted = readTrapChoice(low);
  const seen = TRAP_INSTRUCTIONS.map((instruction) => `${spellTrap(instruction)}: ${describeProbe(by[instruction].probe)}`);
  const working = TRAP_INSTRUCTIONS.filter((instruction) => by[instruction].probe.outcome === 'works');
  return new FaultLabError('TRAP_UNUSABLE', `the guest's tasks cannot trap by ${wanted === null || wanted === 'auto' ? 'any instruction' : spellTrap(wanted)} on this host; its probe saw ${seen.join('; ')}`, {
    hint: working.length === 0 ? 'no instruction that this guest knows enters its kernel on this host' : `leave the choice to the guest (trap auto), or use ${working.join(' or ')}`,
  });
}
