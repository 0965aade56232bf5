import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { AsyncPfHost, asyncTag, isAsyncTag, tagGeneration, tagToken, tagVcpu, GENERATIONS, SYNC_TAG } from '../../lib/asyncpf/index.js';
import { MSR_KVM_ASYNC_PF_ACK, MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT, type FaultContext } from '../../lib/uapi/index.js';

const USER: FaultContext = { cpl: 3, interruptsEnabled: true, eventPending: false };
const AREA = 0x5000;

function enabled(bits = 0x9): AsyncPfHost {
  const host = new AsyncPfHost(5, (gpa) => gpa < 0x10000);
  assert.deepEqual(host.writeMsr(MSR_KVM_ASYNC_PF_INT, 0xf3, 0), { kind: 'vector', vector: 0xf3 });
  host.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | bits, 0);
  return host;
}

describe('AsyncPfHost', () => {
  it('tells the guest nothing before both the enable bit and delivery by interrupt are set', () => {
    for (const bits of [0x1, 0x8]) {
      const host = enabled(bits);
      assert.equal(host.fault(1, USER), 0);
      assert.equal(host.waitReason, 'not-enabled');
    }
    assert.notEqual(enabled().fault(1, USER), 0);
  });

  it('reports where the area is and which vector to use when it is enabled', () => {
    const host = new AsyncPfHost(0, () => true);
    host.writeMsr(MSR_KVM_ASYNC_PF_INT, 0xf3, 0);
    assert.deepEqual(host.writeMsr(MSR_KVM_ASYNC_PF_EN, 0x40 | 0x9, 0x2), { kind: 'enabled', areaGpa: 0x2_0000_0040, vector: 0xf3 });
    assert.equal(host.readMsr(MSR_KVM_ASYNC_PF_EN), 0x2_0000_0049n);
  });

  it('answers reserved bits, areas outside memory, wide vectors and unknown MSRs with #GP, and changes nothing', () => {
    const host = enabled();
    for (const [msr, low, high] of [
      [MSR_KVM_ASYNC_PF_EN, AREA | 0x19, 0],
      [MSR_KVM_ASYNC_PF_EN, AREA | 0x29, 0],
      [MSR_KVM_ASYNC_PF_EN, 0x20000 | 0x9, 0],
      [MSR_KVM_ASYNC_PF_EN, 0x9, 0xffffffff],
      [MSR_KVM_ASYNC_PF_INT, 0x100, 0],
      [MSR_KVM_ASYNC_PF_INT, 0xf3, 1],
      [0x4b564d03, 1, 0],
    ]) {
      assert.deepEqual(host.writeMsr(msr, low, high), { kind: 'refused' });
    }
    assert.equal(host.readMsr(MSR_KVM_ASYNC_PF_EN), BigInt(AREA | 0x9));
    assert.equal(host.readMsr(0x4b564d03), null);
  });

  it('makes tokens that are never 0, never the wake-all token, carry the vCPU and differ while outstanding', () => {
    const host = enabled();
    const tokens = Array.from({ length: 64 }, (_, page) => host.fault(page, USER));
    assert.equal(new Set(tokens).size, 64);
    for (const token of tokens) assert.equal(token & 0xfff, 5);
  });

  it('waits in place of telling: CPL0, IF=0, another event pending, the same gfn, the 65th', () => {
    const host = enabled();
    const cases: [FaultContext, string][] = [
      [{ ...USER, cpl: 0 }, 'not-deliverable'],
      [{ ...USER, interruptsEnabled: false }, 'not-deliverable'],
      [{ ...USER, eventPending: true }, 'not-deliverable'],
    ];
    for (const [context, reason] of cases) {
      assert.equal(host.fault(7, context), 0);
      assert.equal(host.waitReason, reason);
    }
    assert.notEqual(host.fault(7, USER), 0);
    assert.equal(host.fault(7, USER), 0);
    assert.equal(host.waitReason, 'in-flight');
    for (let page = 100; page < 163; page++) assert.notEqual(host.fault(page, USER), 0);
    assert.equal(host.fault(200, USER), 0);
    assert.equal(host.waitReason, 'too-many');
    host.resolved(7);
    assert.notEqual(host.fault(200, USER), 0);
  });

  it('tells of CPL0 faults only with SEND_ALWAYS', () => {
    assert.notEqual(enabled(0xb).fault(1, { ...USER, cpl: 0 }), 0);
  });

  it('forgets what is outstanding when it is disabled, and keeps it when it is enabled again', () => {
    const host = enabled();
    host.fault(1, USER);
    host.writeMsr(MSR_KVM_ASYNC_PF_EN, 0x6000 | 0x9, 0);
    assert.equal(host.outstanding, 1);
    assert.deepEqual(host.writeMsr(MSR_KVM_ASYNC_PF_EN, 0, 0), { kind: 'disabled' });
    assert.equal(host.outstanding, 0);
  });

  it('keeps count of requests under way that the guest forgot: disabling and enabling in turn gives it no more than 64', () => {
    const host = enabled();
    let told = 0;
    for (let page = 0; page < 200; page++) {
      if (host.fault(page, USER) !== 0) told++;
      host.writeMsr(MSR_KVM_ASYNC_PF_EN, 0, 0);
      host.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | 0x9, 0);
    }
    assert.equal(told, 64);
    assert.equal(host.outstanding, 0);
    assert.equal(host.waitReason, 'too-many');
    host.sweep((page) => page < 10);
    for (let page = 300; page < 310; page++) assert.notEqual(host.fault(page, USER), 0);
    assert.equal(host.fault(310, USER), 0);
  });

  it('tells of a page again that the guest forgot and that is still on its way', () => {
    const host = enabled();
    const first = host.fault(1, USER);
    host.writeMsr(MSR_KVM_ASYNC_PF_EN, 0, 0);
    host.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | 0x9, 0);
    const second = host.fault(1, USER);
    assert(second !== 0 && second !== first);
    host.resolved(1);
    assert.equal(host.outstanding, 0);
  });

  it('counts ready events that the guest has not taken as outstanding, as KVM does', () => {
    const host = enabled();
    assert.equal(host.fault(1, USER, 64), 0);
    assert.equal(host.waitReason, 'too-many');
    assert.notEqual(host.fault(1, USER, 63), 0);
    assert.equal(host.fault(2, USER, 63), 0);
  });

  it('takes only bit 0 of the ACK MSR for an acknowledgement', () => {
    const host = enabled();
    assert.equal(host.writeMsr(MSR_KVM_ASYNC_PF_ACK, 1, 0).kind, 'acknowledged');
    assert.equal(host.writeMsr(MSR_KVM_ASYNC_PF_ACK, 2, 0).kind, 'done');
    assert.equal(host.readMsr(MSR_KVM_ASYNC_PF_ACK), 0n);
  });

  it('survives any MSR traffic, and never has more than 64 faults outstanding', () => {
    const msr = fc.constantFrom(MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT, MSR_KVM_ASYNC_PF_ACK, 0x4b564d03);
    const word = fc.integer({ min: -0x80000000, max: 0xffffffff });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('msr' as const), msr, low: word, high: word }),
      fc.record({ kind: fc.constant('fault' as const), page: fc.nat(200) }),
      fc.record({ kind: fc.constant('resolved' as const), page: fc.nat(200) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const host = enabled();
        for (const s of steps) {
          if (s.kind === 'msr') host.writeMsr(s.msr, s.low, s.high);
          else if (s.kind === 'fault') host.fault(s.page, USER);
          else host.resolved(s.page);
          assert(host.outstanding >= 0 && host.outstanding <= 64);
        }
      }),
    );
  });
});

describe('request tags', () => {
  it('carry vCPU, token and generation through one safe integer, and never look like a synchronous request', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(0xffffffff), fc.nat(100_000), (vcpu, token, generation) => {
        const tag = asyncTag(vcpu, token, generation);
        assert(Number.isSafeInteger(tag) && tag !== SYNC_TAG && tag < 2 ** 52);
        assert(isAsyncTag(tag));
        assert.deepEqual([tagVcpu(tag), tagToken(tag), tagGeneration(tag)], [vcpu, token, generation % GENERATIONS]);
      }),
    );
    assert.equal(isAsyncTag(SYNC_TAG), false);
  });
});
