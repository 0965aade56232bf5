/**
 * Takes an MMIO exit back. KVM's emulator makes a device access of what it cannot copy from, and a device access cannot be refused: the registers are noted, the
 * access is completed with anything, no further instruction is entered (immediate_exit), and the registers are put back. As far as the
 * guest can tell, the instruction has not begun.
 */
import { EINTR, FaultLabError } from '../errors/index.js';
import type { Vcpu } from '../kvm/index.js';
import { KVM_EXIT_MMIO, RegsView } from '../uapi/index.js';

/** A read-modify-write is two accesses, one across two pages twice as many; more of them make no instruction. */
const MOST_ACCESSES = 8;

/**
 * See the module's comment. The vCPU's registers must be in the run area.
 * @param rip - of the instruction
 * @throws FaultLabError `MMIO_NOT_ABORTED` where KVM goes on asking
 */
export function abortMmio(vcpu: Vcpu, rip: number): void {
  const before = RegsView.allocate();
  before.bytes().set(vcpu.syncRegs.regs.bytes());
  before.setNumber('rip', rip);
  for (let accesses = 0; accesses < MOST_ACCESSES; accesses++) {
    if (!vcpu.exit.mmioIsWrite) vcpu.exit.setMmioData(0, 0);
    vcpu.exit.setImmediateExit(true);
    const result = vcpu.run();
    vcpu.exit.setImmediateExit(false);
    if (result === -EINTR) {
      // Now, not with the next entry: KVM drops a pending exception, of a report to come, whenever it takes registers.
      vcpu.setRegs(before);
      vcpu.syncRegs.regs.bytes().set(before.bytes());
      return;
    }
    if (result !== 0 || vcpu.exit.exitReason !== KVM_EXIT_MMIO) break;
  }
  throw new FaultLabError('MMIO_NOT_ABORTED', `the MMIO access of the instruction at 0x${rip.toString(16)} does not come to an end`, { syscall: 'KVM_RUN' });
}
