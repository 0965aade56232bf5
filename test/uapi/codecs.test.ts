import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  APF_WAKE_ALL_TOKEN,
  apfToken,
  apfTokenSequence,
  apfTokenVcpuId,
  decodeApfEnable,
  gfn,
  gfnOfGpa,
  gpa,
  gpaOfGfn,
  gva,
  hva,
  io,
  ioctlParts,
  ioctlRequest,
  ioctls,
  iow,
  KVM_ASYNC_PF_DELIVERY_AS_INT,
  KVM_ASYNC_PF_ENABLED,
  nextApfSequence,
  pageIndex,
  SregsView,
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFD_PAGEFAULT_FLAG_WRITE,
  uffdFeatureNames,
  UffdMessages,
  VcpuEventsView,
} from '../../lib/uapi/index.js';

describe('ioctl request numbers', () => {
  it('come apart into the parts they were made of', () => {
    const parts = fc.record(
      { direction: fc.nat(3), type: fc.nat(255), number: fc.nat(255), sizeBytes: fc.nat(0x3fff) },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(parts, (made) => {
        const request = ioctlRequest(made);
        assert.ok(request >= 0 && request <= 0xffff_ffff);
        assert.deepEqual(ioctlParts(request), made);
      }),
    );
  });

  it('are unsigned: the read direction is bit 31', () => {
    assert.equal(ioctls.KVM_GET_REGS, 0x8090_ae81);
    assert.equal(ioctls.KVM_SET_USER_MEMORY_REGION2, 0x40a0_ae49);
    assert.equal(ioctls.KVM_CREATE_GUEST_MEMFD, 0xc040_aed4);
    assert.equal(ioctls.KVM_RUN, 0xae80);
  });

  it('cannot hold parts that are too large', () => {
    assert.throws(() => iow(0xae, 0, 0x4000), RangeError);
    assert.throws(() => io(0x100, 0), RangeError);
    assert.throws(() => io(0xae, -1), RangeError);
  });
});

describe('async page fault tokens', () => {
  it('give back the sequence and the vCPU they were made of', () => {
    fc.assert(
      fc.property(fc.nat(0xf_ffff), fc.nat(0xfff), (sequence, vcpuId) => {
        const token = apfToken(sequence, vcpuId);
        assert.equal(apfTokenSequence(token), sequence);
        assert.equal(apfTokenVcpuId(token), vcpuId);
      }),
    );
  });

  it('are never 0 (no event) nor the wake-all token, however long a vCPU runs', () => {
    for (let sequence = 0xf_fff0, step = 0; step < 64; step++) {
      sequence = nextApfSequence(sequence);
      for (const vcpuId of [0, 1, 0xfff]) {
        assert.notEqual(apfToken(sequence, vcpuId), 0);
        assert.notEqual(apfToken(sequence, vcpuId), APF_WAKE_ALL_TOKEN);
      }
    }
    assert.equal(apfToken(nextApfSequence(0), 0), 0x1000);
  });

  it('refuse a vCPU id that would change the sequence', () => {
    assert.throws(() => apfToken(1, 0x1000), RangeError);
    assert.throws(() => apfToken(1, -1), RangeError);
  });
});

describe('MSR_KVM_ASYNC_PF_EN', () => {
  it('is refused with a reserved bit, as KVM does', () => {
    assert.deepEqual(decodeApfEnable(0x10 | KVM_ASYNC_PF_ENABLED, 0), { kind: 'refused' });
    assert.deepEqual(decodeApfEnable(0x20, 0), { kind: 'refused' });
  });

  it('gives all 58 bits of the area, and the flags', () => {
    assert.deepEqual(decodeApfEnable(0x40, 0), { kind: 'disabled' });
    assert.deepEqual(decodeApfEnable(0xffff_ffc0 | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT, 0xffff_ffff), {
      kind: 'enabled',
      area: 0xffff_ffff_ffff_ffc0n,
      sendAlways: false,
      asInterrupt: true,
      asPfVmexit: false,
    });
  });
});

describe('UffdMessages', () => {
  /** A message as the kernel writes it. */
  function put(into: UffdMessages, at: number, event: number, flags: bigint, address: bigint, ptid: number): void {
    const data = new DataView(into.bytes.buffer, at * 32, 32);
    data.setUint8(0, event);
    data.setBigUint64(8, flags, true);
    data.setBigUint64(16, address, true);
    data.setUint32(24, ptid, true);
  }

  it('reads every fault of a batch from its own 32 bytes', () => {
    const fault = fc.record({ flags: fc.bigInt(0n, 7n), address: fc.bigInt(0n, (1n << 47n) - 1n), ptid: fc.nat() });
    fc.assert(
      fc.property(fc.array(fault, { minLength: 1, maxLength: 16 }), (faults) => {
        const messages = new UffdMessages(faults.length);
        faults.forEach(({ flags, address, ptid }, at) => {
          put(messages, at, 0x12, flags, address, ptid);
        });
        faults.forEach(({ flags, address, ptid }, at) => {
          assert.ok(messages.isPagefault(at));
          assert.equal(messages.address(at), Number(address));
          assert.equal(messages.addressBigint(at), address);
          assert.equal(messages.ptid(at), ptid);
          assert.equal(messages.isWrite(at), (Number(flags) & UFFD_PAGEFAULT_FLAG_WRITE) !== 0);
          assert.equal(messages.isWriteProtect(at), (Number(flags) & UFFD_PAGEFAULT_FLAG_WP) !== 0);
          assert.equal(messages.isMinor(at), (Number(flags) & UFFD_PAGEFAULT_FLAG_MINOR) !== 0);
        });
      }),
    );
  });

  it('tells other events from faults', () => {
    const messages = new UffdMessages(1);
    put(messages, 0, 0x15, 0n, 0n, 0);
    assert.ok(!messages.isPagefault(0));
    assert.equal(messages.event(0), 0x15);
  });

  it('cannot be made for no message at all', () => {
    assert.throws(() => new UffdMessages(0), RangeError);
    assert.throws(() => new UffdMessages(1.5), RangeError);
  });

  it('names the bits of a feature mask and ignores those of a later kernel', () => {
    assert.deepEqual(uffdFeatureNames((1n << 7n) | (1n << 16n) | (1n << 40n)), ['SIGBUS', 'MOVE']);
  });
});

describe('branded addresses', () => {
  it('let a frame number and its address be turned into each other', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 40 - 1 }), fc.nat(4095), (frame, offset) => {
        assert.equal(gfnOfGpa(gpa(gpaOfGfn(gfn(frame)) + BigInt(offset))), frame);
      }),
    );
  });

  it('refuse what no address or number can be', () => {
    assert.throws(() => gpa(1n << 52n), RangeError);
    assert.throws(() => gpa(-1n), RangeError);
    assert.throws(() => gpa(0.5), RangeError);
    assert.throws(() => gva(1n << 64n), RangeError);
    assert.throws(() => hva(-4096), RangeError);
    assert.throws(() => gfn(2 ** 40), RangeError);
    assert.throws(() => gfn(Number.NaN), RangeError);
    assert.throws(() => pageIndex(16, 16), RangeError);
    assert.equal(pageIndex(15, 16), 15);
    assert.equal(gva(0xffff_8000_0000_0000n), 0xffff_8000_0000_0000n);
  });
});

describe('VcpuEventsView', () => {
  it('injects an exception with an error code where KVM looks for it', () => {
    const events = VcpuEventsView.allocate();
    assert.ok(!events.isBusy());
    events.injectException(14, 4);
    assert.deepEqual([...events.bytes().subarray(0, 8)], [1, 14, 1, 0, 4, 0, 0, 0]);
    assert.ok(events.isBusy());
    events.injectException(20);
    assert.deepEqual([...events.bytes().subarray(0, 8)], [1, 20, 0, 0, 0, 0, 0, 0]);
  });

  it('pends an exception with its payload and says that the payload is valid', () => {
    const events = VcpuEventsView.allocate();
    events.setNumber('flags', 1);
    events.pendException(14, 0, 0x1000, 0xffff);
    assert.deepEqual([...events.bytes().subarray(0, 8)], [0, 14, 1, 1, 0, 0, 0, 0]);
    assert.equal(events.number('exception_has_payload'), 1);
    assert.equal(events.get('exception_payload'), 0xffff_0000_1000n);
    assert.equal(events.number('flags'), 0x11);
    events.injectException(20);
    assert.equal(events.number('exception_has_payload'), 0);
  });
});

describe('SregsView', () => {
  it('finds the one interrupt that KVM has queued, in any word of the bitmap', () => {
    fc.assert(
      fc.property(fc.nat(255), (vector) => {
        const sregs = SregsView.allocate();
        assert.equal(sregs.queuedInterrupt(), -1);
        sregs.bytes()[280 + (vector >>> 3)] = 1 << (vector & 7);
        assert.equal(sregs.queuedInterrupt(), vector);
      }),
    );
  });
});
