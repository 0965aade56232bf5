import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { ExitView } from '../../lib/kvm/index.js';
import { KVM_EXIT_MEMORY_FAULT, PAGE_SIZE, kvmRunLayout, type FaultContext } from '../../lib/uapi/index.js';
import { FaultAction, KVM_MEMORY_EXIT_FLAG_APF, KVM_MEMORY_EXIT_FLAG_USERFAULT, type UapiName } from '../../lib/uapi/proposals/index.js';
import { NativeVcpuEnd } from '../../lib/machine/uapi/native-vcpu-end.js';

const BASE = 2 ** 32;
const PAGES = 64;
const CPL3: FaultContext = { cpl: 3, interruptsEnabled: true, eventPending: false };
const { fields } = kvmRunLayout;

/** A run area as KVM_RUN leaves it after EFAULT. */
function runArea({ reason = KVM_EXIT_MEMORY_FAULT, flags, gpa, size = PAGE_SIZE, token = 0 }: { reason?: number; flags: number; gpa: number; size?: number; token?: number }): ExitView {
  const area = new ArrayBuffer(3 * PAGE_SIZE);
  const data = new DataView(area);
  data.setUint32(fields.exit_reason.offset, reason, true);
  data.setBigUint64(fields['memory_fault.flags'].offset, BigInt(flags), true);
  data.setBigUint64(fields['memory_fault.gpa'].offset, BigInt(gpa), true);
  data.setBigUint64(fields['memory_fault.size'].offset, BigInt(size), true);
  data.setUint32(fields['memory_fault.size'].offset + 8, token, true);
  return new ExitView(area);
}

const endOver = (uapi: UapiName, exit: ExitView): NativeVcpuEnd => new NativeVcpuEnd({ uapi, shape: { vcpus: 1, pages: PAGES, baseGpa: BASE } }, exit, 1);
const USERFAULT = KVM_MEMORY_EXIT_FLAG_USERFAULT;
const ASYNC = USERFAULT | KVM_MEMORY_EXIT_FLAG_APF;

describe('the native end of a proposal at a vCPU, over generated run areas', () => {
  for (const uapi of ['userfault', 'async-pf-user-2024', 'async-pf-userfault-2026', 'sync-async-2bit'] as const) {
    it(`${uapi}: a plain exit names its page and tells nobody`, () => {
      const end = endOver(uapi, runArea({ flags: USERFAULT, gpa: BASE + 5 * PAGE_SIZE, token: 77 }));
      assert.equal(end.namedGpa, BASE + 5 * PAGE_SIZE);
      assert.equal(end.fault(5, CPL3), FaultAction.EXIT);
      assert.deepEqual([end.flags, end.token, end.told], [USERFAULT, 0, false]);
    });

    it(`${uapi}: what is no interception is none, whatever else is in the run area`, () => {
      for (const area of [{ flags: 0, gpa: BASE }, { flags: 1 << 3, gpa: BASE }, { flags: KVM_MEMORY_EXIT_FLAG_APF, gpa: BASE }, { flags: ASYNC, gpa: BASE, reason: 2 }]) {
        const end = endOver(uapi, runArea(area));
        assert.equal(end.namedGpa, -1, JSON.stringify(area));
        end.fault(0, CPL3);
        assert.equal(end.flags, USERFAULT, 'a page that had to be found out is a plain exit');
      }
    });
  }

  it('an async page fault has both flags; the token is one of the RFC of 2024 alone', () => {
    for (const [uapi, token] of [['async-pf-user-2024', 0x5001], ['async-pf-userfault-2026', 0], ['sync-async-2bit', 0]] as const) {
      const end = endOver(uapi, runArea({ flags: ASYNC, gpa: BASE, token: 0x5001 }));
      end.fault(0, CPL3);
      assert.deepEqual([end.flags, end.token, end.told], [ASYNC, token, true], uapi);
      end.fault(0, { ...CPL3, cpl: 0 });
      assert.equal(end.told, false, 'nobody is told at CPL0');
    }
  });

  it('accepting is the design of 2026 alone', () => {
    assert.deepEqual(
      (['userfault', 'async-pf-user-2024', 'async-pf-userfault-2026', 'sync-async-2bit'] as const).map((uapi) => endOver(uapi, runArea({ flags: 0, gpa: 0 })).needsAccept),
      [false, false, true, false],
    );
  });

  it('takes any run area for what it is: a page-aligned gpa, or none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), fc.maxSafeNat(), fc.constantFrom(0, 1, PAGE_SIZE, 2 * PAGE_SIZE), fc.nat(0xffff_ffff), (flags, gpa, size, token) => {
        const end = endOver('async-pf-user-2024', runArea({ flags, gpa, size, token }));
        const named = end.namedGpa;
        assert(named === -1 || (named === gpa && gpa % PAGE_SIZE === 0 && size === PAGE_SIZE && (flags & USERFAULT) !== 0));
        assert.equal(end.fault(0, CPL3), FaultAction.EXIT);
        assert.equal((end.flags & KVM_MEMORY_EXIT_FLAG_APF) !== 0, named !== -1 && (flags & ASYNC) === ASYNC);
      }),
    );
  });
});
