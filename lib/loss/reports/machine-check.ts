/**
 * `mce`: the lost page is reported as memory that the hardware lost, by a machine check. Right for loads: data that was to be read is gone. For stores there
 * is no such report: a bank has an address and no access, and what it names is bad from then on.
 */
import { MCG_SER_P, mciStatus, MCG_STATUS_RECOVERABLE, MCI_MISC_PAGE } from '../machine-check-bank.js';
import { RESUME, type LossReport } from '../report.js';

const BANKS = 10;
const BANK = 1;

/** See the module's comment. */
export const mce: LossReport = {
  name: 'mce',
  title: 'machine check (KVM_X86_SET_MCE)',
  setup: { asyncPf: 'none', haltExits: false, features: 0 },
  start: (machine) => {
    const { vcpu } = machine;
    vcpu.setupMce(BigInt(BANKS) | MCG_SER_P);
    return {
      lost: ({ gpa, access }) => {
        const status = mciStatus(access === 'fetch' ? 'instruction-fetch' : 'data-load');
        vcpu.setMce({ bank: BANK, status, addr: gpa, misc: MCI_MISC_PAGE, mcgStatus: MCG_STATUS_RECOVERABLE });
        machine.note(`injects #MC, status 0x${status.toString(16)}`);
        return RESUME;
      },
    };
  },
};
