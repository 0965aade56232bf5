import assert from 'node:assert/strict';
import { GuestClock, Kvm, readHost } from '../../lib/kvm/index.js';
import { TinyGuest } from '../../lib/probes/index.js';
import { requireKvm } from '../support/kvm-available.js';

const RDTSC = [0x0f, 0x31];
const OFFSET = 123_456_789_000n;

describe('the clock of a guest', () => {
  let kvm: Kvm;

  before(function () {
    requireKvm(this);
    kvm = Kvm.open();
  });

  after(() => {
    kvm.close();
  });

  for (const cpl of [0, 3] as const) {
    for (const offset of [null, OFFSET]) {
      it(`is what RDTSC reads at CPL${cpl}, ${offset === null ? 'with the offset that KVM gave it' : 'with another offset'}`, async () => {
        await TinyGuest.with(kvm, { cpl, code: RDTSC }, (guest) => {
          if (offset !== null) guest.vcpu.setTscOffset(offset);
          const clock = GuestClock.of(guest.vcpu);
          // A PVM host runs CPL3 with the host's own counter, and keeps 0.
          if (offset !== null && clock.steady) assert([offset, 0n].includes(clock.offset), `${clock.offset}`);
          if (clock.steady) assert.equal(clock.offset, guest.vcpu.tscOffset());
          assert(clock.tscKhz > 1000);
          const before = clock.now();
          const end = guest.run();
          const after = clock.now();
          assert.equal(end.kind, 'end');
          const regs = guest.vcpu.getRegs();
          const read = ((regs.get('rdx') & 0xffff_ffffn) << 32n) | (regs.get('rax') & 0xffff_ffffn);
          // Where the host's own counter is unstable, as an emulator's may be, the guest's is none that the host could tell.
          if (clock.steady) assert(before < read && read < after, `${before} ${read} ${after}`);
          else assert(readHost().emulated, 'the TSC of this host is not steady');
          const [placed] = clock.duringRun([read], before, after);
          assert(before <= placed && placed <= after, `${before} ${placed} ${after}`);
        });
      });
    }
  }

  it('stops a guest in front of an instruction, where the CPU has breakpoints, and not where it was taken back', async () => {
    await TinyGuest.with(kvm, { cpl: 0, code: [0x90, 0x90] }, (guest) => {
      const second = guest.endAddress - 1;
      guest.vcpu.setBreakpoint(second);
      const end = guest.run();
      if (end.kind !== 'end') {
        assert.equal(end.kind, 'exit');
        assert.equal(guest.vcpu.getRegs().number('rip'), second);
      }
      guest.vcpu.setBreakpoint(null);
      guest.restart();
      assert.equal(guest.run().kind, 'end');
    });
  });
});
