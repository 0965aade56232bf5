/** The guest's time-stamp counter as the host can tell it, so that what both note stands on one scale. */
import { FaultLabError } from '../errors/index.js';
import { nativeAddon } from '../native/index.js';
import { MSR_IA32_TSC } from '../uapi/index.js';
import type { Vcpu } from './vcpu.js';

const modulo64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** See the module's comment. What it says stays true until somebody writes the guest's TSC, its offset or its frequency. */
export class GuestClock {
  private constructor(
    /** What the guest's TSC is ahead of the host's, modulo 2^64. */
    readonly offset: bigint,
    /** Cycles in a millisecond. */
    readonly tscKhz: number,
  ) {}

  /**
   * The clock of a vCPU: its offset from KVM, checked against the counter that KVM reads for the guest between two readings of the host's.
   * @throws FaultLabError `TSC_SCALED` where the guest's TSC has a frequency of its own; `KVM_*` where this KVM does not tell the offset
   */
  static of(vcpu: Vcpu): GuestClock {
    const { tsc } = nativeAddon();
    const offset = vcpu.tscOffset();
    const before = tsc();
    const guests = vcpu.getMsr(MSR_IA32_TSC);
    const after = tsc();
    // A KVM that could not have the frequency it wanted (calibrated anew after its module was loaded, no scaling in hardware) takes every count for 0; the CPU adds the
    // offset all the same.
    if (guests === offset) return new GuestClock(offset, vcpu.tscKhz());
    const passed = modulo64(guests - offset - before);
    if (passed > modulo64(after - before)) {
      throw new FaultLabError('TSC_SCALED', `the guest's TSC is not the host's plus ${BigInt.asIntN(64, offset)}: KVM scales it`, {
        hint: 'leave KVM_SET_TSC_KHZ alone, or set the frequency of the host',
      });
    }
    return new GuestClock(offset, vcpu.tscKhz());
  }

  /** What the guest would read now. */
  now(): bigint {
    return modulo64(nativeAddon().tsc() + this.offset);
  }
}
