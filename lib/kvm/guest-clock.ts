/** The guest's time-stamp counter as the host can tell it, so that what both note stands on one scale. */
import { nativeAddon } from '../native/index.js';
import { MSR_IA32_TSC } from '../uapi/index.js';
import type { Vcpu } from './vcpu.js';

/** Looks at the counter after which it is taken for steady: each is an entry into KVM, at which it may write the offset anew. */
const LOOKS = 3;

const modulo64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** See the module's comment. What it says stays true until somebody writes the guest's TSC, its offset or its frequency. */
export class GuestClock {
  private constructor(
    /** What the guest's TSC is ahead of the host's, modulo 2^64; 0 where it is not steady. */
    readonly offset: bigint,
    /** Cycles in a millisecond. */
    readonly tscKhz: number,
    /**
     * The guest's TSC is the host's plus {@link offset}, and nothing else. Not so where the host's own TSC is unstable, and KVM lets the guest's catch up at each
     * entry, or where KVM scales it: {@link duringRun} puts the guest's times where they can be.
     */
    readonly steady: boolean,
  ) {}

  /** The clock of a vCPU. Throws FaultLabError `KVM_*` where this KVM does not tell the offset (before Linux 5.16). */
  static of(vcpu: Vcpu): GuestClock {
    const { tsc } = nativeAddon();
    const offset = vcpu.tscOffset();
    for (let look = 0; look < LOOKS; look++) {
      const before = tsc();
      const guests = vcpu.getMsr(MSR_IA32_TSC);
      const after = tsc();
      if (modulo64(guests - offset - before) > modulo64(after - before)) return new GuestClock(0n, vcpu.tscKhz(), false);
    }
    return new GuestClock(offset, vcpu.tscKhz(), true);
  }

  /** The scale's time now. */
  now(): bigint {
    return modulo64(nativeAddon().tsc() + this.offset);
  }

  /**
   * Puts what the guest read in one KVM_RUN on the scale. Where its TSC is not steady, the last reading is taken to be that of the exit: what comes out is late by what the
   * guest did afterwards, and in order.
   * @param readings - in order
   * @param entered - {@link now} before KVM_RUN
   * @param left - {@link now} after it
   */
  duringRun(readings: readonly bigint[], entered: bigint, left: bigint): bigint[] {
    if (this.steady || readings.length === 0) return [...readings];
    const last = readings[readings.length - 1];
    return readings.map((reading) => {
      const placed = left - (last - reading);
      return placed < entered ? entered : placed > left ? left : placed;
    });
  }
}
