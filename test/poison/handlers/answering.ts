/** Memory failure handlers of the tests: each gives one answer, whatever the failure. */
import type { GuestMemoryFailure, MemoryFailureAnswer, MemoryFailureHandler, Vcpu } from '../../../lib/index.js';

/** What the handler does. */
export type Behaviour = MemoryFailureAnswer | 'throw' | 'nonsense' | 'machine check';

/** An uncorrected error of a data load with its address, action required (SDM volume 3, IA32_MCi_STATUS). */
const UNCORRECTED = 0xbd80_0000_0000_0134n;
const MCG_STATUS = 0x7n;
const LOWEST_12_BITS_MEAN_NOTHING = 0x8cn;
/** One bank, and signalling of recoverable errors. */
const MCG_CAP = 1n | (1n << 24n);

function injectMachineCheck(vcpu: Vcpu, addr: bigint): MemoryFailureAnswer {
  vcpu.setupMce(MCG_CAP);
  vcpu.setMce({ status: UNCORRECTED, addr, misc: LOWEST_12_BITS_MEAN_NOTHING, mcgStatus: MCG_STATUS, bank: 0 });
  return 'retry';
}

export function openMemoryFailureHandler(options: unknown): MemoryFailureHandler {
  const behaviour = options as Behaviour;
  return {
    handle({ gpa }: GuestMemoryFailure, vcpu: Vcpu): MemoryFailureAnswer {
      if (behaviour === 'throw') throw new Error('no idea');
      if (behaviour === 'nonsense') return 'perhaps' as never;
      return behaviour === 'machine check' ? injectMachineCheck(vcpu, gpa ?? 0n) : behaviour;
    },
  };
}
