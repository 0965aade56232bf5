import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { throwsCode } from './support/coded.js';
import { EFAULT, EINTR, KVM_EXIT_HLT, KVM_EXIT_IO, KVM_EXIT_MMIO, PAGE, PROT_NONE } from './support/constants.js';
import { COUNT_TO_PORT, ENTRY, HLT, MEMORY_BYTES, SPIN, enterRealMode, realModeGuest, setRip } from './support/real-mode.js';
import type { RealModeGuest } from './support/real-mode.js';

const { Mapping, Vcpu, monotonicNs, threadId } = nativeAddon();

describe('native Vcpu.run', () => {
  let guest: RealModeGuest | undefined;
  before(function () {
    requireKvm(this);
  });
  afterEach(() => {
    guest?.close();
    guest = undefined;
  });

  it('returns 0 at a hlt', () => {
    guest = realModeGuest(HLT);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_HLT);
    assert.equal(guest.vcpu.threadId, threadId());
    assert.equal(guest.vcpu.id, 0);
  });

  it('returns 0 at an out, with port, size and data in the run area', () => {
    guest = realModeGuest([0xb8, 0x34, 0x12, 0xe7, 0x77, ...HLT]); // mov ax, 0x1234; out 0x77, ax; hlt
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_IO);
    const { run } = guest;
    assert.deepEqual([run.getUint8(32), run.getUint8(33), run.getUint16(34, true), run.getUint32(36, true)], [1, 2, 0x77, 1]);
    assert.equal(run.getUint16(Number(run.getBigUint64(40, true)), true), 0x1234);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_HLT);
  });

  it('hands a value to an in, written into the run area', () => {
    guest = realModeGuest([0xe4, 0x20, 0xa2, 0x00, 0x20, ...HLT]); // in al, 0x20; mov [0x2000], al; hlt
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_IO);
    guest.run.setUint8(Number(guest.run.getBigUint64(40, true)), 0x5e);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_HLT);
    assert.equal(guest.bytes[0x2000], 0x5e);
  });

  it('an access outside every slot is an MMIO exit', () => {
    // mov ax, 0x2000; mov ds, ax; mov byte [0], 9; hlt: a write to 0x20000
    guest = realModeGuest([0xb8, 0x00, 0x20, 0x8e, 0xd8, 0xc6, 0x06, 0x00, 0x00, 0x09, ...HLT]);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_MMIO);
    assert.deepEqual([guest.run.getBigUint64(32, true), guest.run.getUint8(40), guest.run.getUint32(48, true), guest.run.getUint8(52)], [0x20000n, 9, 1, 1]);
  });

  it('a guest whose code cannot be fetched ends in an error or an exit, never in a hang or a dead process', () => {
    guest = realModeGuest(HLT);
    const broken = Mapping.anonymous(PAGE, PROT_NONE);
    guest.vm.setUserMemoryRegion(1, 0, BigInt(MEMORY_BYTES), PAGE, broken, 0);
    // jmp far 0x1000:0 = 0x10000, the page without permission
    guest.bytes.set([0xea, 0x00, 0x00, 0x00, 0x10], ENTRY);
    let result = -EINTR;
    for (let slice = 0; slice < 50 && result === -EINTR; slice++) result = guest.vcpu.run();
    assert.ok(result === 0 || result === -EFAULT, `KVM_RUN returned ${result}`);
    broken.close();
  });

  it('a guest that never exits returns -EINTR for its slice, which is not a kick', () => {
    guest = realModeGuest(SPIN);
    for (let i = 1; i <= 3; i++) {
      assert.equal(guest.vcpu.run(), -EINTR);
      assert.equal(guest.vcpu.sliceCount(), i);
      assert.equal(guest.run.getUint8(1), 0, 'immediate_exit');
    }
    assert.equal(guest.vcpu.runCount(), 3);
  });

  it('a slice lasts as long as it was set to, and no slice at all is refused', () => {
    guest = realModeGuest(SPIN);
    guest.vcpu.setSliceNs(20e6);
    for (let i = 0; i < 5; i++) assert.equal(guest.vcpu.run(), -EINTR);
    const short = guest.vcpu.runTimeNs() / 5;
    guest.vcpu.setSliceNs(400e6);
    assert.equal(guest.vcpu.run(), -EINTR);
    const long = guest.vcpu.runTimeNs() - 5 * short;
    // A timer never rings early; how late it rings is the host's affair.
    assert.ok(long >= 399e6, `a slice of 400 ms ended after ${long} ns`);
    const { vcpu } = guest;
    for (const bad of [0, -1, 60e9 + 1, NaN, '1', undefined]) throwsCode('BAD_ARGUMENT', () => vcpu.setSliceNs(bad as never));
  });

  it('counts the time inside KVM_RUN and no more', () => {
    guest = realModeGuest(SPIN);
    const start = monotonicNs();
    guest.vcpu.run();
    const spent = monotonicNs() - start;
    const counted = guest.vcpu.runTimeNs();
    assert.ok(counted > 0 && counted <= spent, `${counted} of ${spent} ns`);
  });

  it('immediate_exit set by the program returns -EINTR without a slice, and is cleared', () => {
    guest = realModeGuest(SPIN);
    guest.run.setUint8(1, 1);
    assert.equal(guest.vcpu.run(), -EINTR);
    assert.equal(guest.vcpu.sliceCount(), 0);
    assert.equal(guest.run.getUint8(1), 0);
  });

  it('a guest goes on where it was interrupted', () => {
    guest = realModeGuest(COUNT_TO_PORT);
    let last = 0;
    for (let i = 0; i < 50; i++) {
      if (i % 3 === 0) Vcpu.kick(guest.vcpu.share());
      const result: number = guest.vcpu.run();
      if (result === -EINTR) continue;
      assert.equal(result, 0);
      const value: number = guest.run.getUint16(Number(guest.run.getBigUint64(40, true)), true);
      assert.equal(value, last + 1);
      last = value;
    }
    assert.ok(last >= 30);
  });

  describe('kick', () => {
    it('before the run ends the next run at once, and is not a slice', () => {
      guest = realModeGuest(SPIN);
      assert.equal(Vcpu.kick(guest.vcpu.share()), true);
      assert.equal(guest.vcpu.run(), -EINTR);
      assert.equal(guest.vcpu.sliceCount(), 0);
    });

    it('many kicks before a run are one', () => {
      guest = realModeGuest(COUNT_TO_PORT);
      for (let i = 0; i < 1000; i++) assert.equal(Vcpu.kick(guest.vcpu.share()), true);
      assert.equal(guest.vcpu.run(), -EINTR);
      assert.equal(guest.vcpu.run(), 0);
      assert.equal(guest.exitReason(), KVM_EXIT_IO);
    });

    it('of a closed vCPU, or of a number never issued, is false', () => {
      guest = realModeGuest(HLT);
      const share = guest.vcpu.share();
      guest.vcpu.close();
      assert.equal(Vcpu.kick(share), false);
      assert.equal(Vcpu.kick(Number.MAX_SAFE_INTEGER), false);
      assert.equal(Vcpu.kick(guest.vm.share()), false, 'a number of another class');
      for (const value of [-1, 0.5, NaN, '1', undefined]) throwsCode('BAD_ARGUMENT', () => Vcpu.kick(value as never));
    });
  });

  it('two vCPUs of one VM run on one thread, each with its own run area', () => {
    guest = realModeGuest(HLT);
    const second = guest.vm.createVcpu(1);
    enterRealMode(second, 0x1100);
    guest.bytes.set([0xe6, 0x33, ...HLT], 0x1100); // out 0x33, al
    // A vCPU that is not the first waits for the first to start it, unless it is made runnable: without an irqchip it is.
    assert.equal(second.run(), 0);
    const area = new DataView(second.runArea());
    assert.equal(area.getUint32(8, true), KVM_EXIT_IO);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_HLT);
    second.close();
    assert.equal(second.closed, true);
    setRip(guest.vcpu, ENTRY);
    assert.equal(guest.vcpu.run(), 0);
  });

  it('the run area is one ArrayBuffer, empty after close', () => {
    guest = realModeGuest(HLT);
    const area = guest.vcpu.runArea();
    assert.equal(guest.vcpu.runArea(), area);
    assert.equal(area.byteLength, guest.kvm.vcpuMmapSizeBytes());
    guest.vcpu.close();
    assert.equal(area.byteLength, 0);
  });
});
