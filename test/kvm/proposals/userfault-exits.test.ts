import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EFAULT } from '../../../lib/errors/index.js';
import { decodeExit, ExitView } from '../../../lib/kvm/index.js';
import { exitReasons, kvmRunLayout, StructView } from '../../../lib/uapi/index.js';
import { kvmRunAsyncPfUserLayout, KVM_MEMORY_EXIT_FLAG_APF, KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER, KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../../../lib/uapi/proposals/index.js';
import { RECORDED_RUN_AREAS } from './recorded-run-areas.js';

const UNION = 32;
const UNION_BYTES = 256;
const END_OF_GPAS = 1n << 52n;

/** A run area whose exit union holds what an earlier exit left there. */
function runArea(stale: Uint8Array): { run: StructView<keyof typeof kvmRunLayout.fields>; token: StructView<keyof typeof kvmRunAsyncPfUserLayout.fields>; view: ExitView } {
  const buffer = new ArrayBuffer(2 * 4096);
  new Uint8Array(buffer).set(stale, UNION);
  return { run: new StructView(kvmRunLayout, new DataView(buffer)), token: new StructView(kvmRunAsyncPfUserLayout, new DataView(buffer)), view: new ExitView(buffer) };
}

const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
/** Pages that a guest can have, any address below the end of memory, and what no guest can have. */
const anyGpa = fc.oneof(fc.bigInt(0n, (1n << 40n) - 1n).map((gfn) => gfn << 12n), fc.bigInt(0n, (1n << 52n) - 1n), u64);
const stale = fc.uint8Array({ minLength: UNION_BYTES, maxLength: UNION_BYTES });

describe('memory-fault exits of the proposals', () => {
  it('have one bit for an intercepted page, and one beside it for an async page fault, whatever the proposal calls it', () => {
    assert.equal(KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER, KVM_MEMORY_EXIT_FLAG_APF);
    fc.assert(
      fc.property(stale, u64, fc.nat(2 ** 32 - 1), anyGpa, (left, flags, tokenValue, gpa) => {
        const { run, token, view } = runArea(left);
        run.setNumber('exit_reason', exitReasons.MEMORY_FAULT);
        run.set('memory_fault.flags', flags);
        run.set('memory_fault.gpa', gpa);
        run.set('memory_fault.size', 4096n);
        token.setNumber('memory_fault.async_pf_user_token', tokenValue);
        const intercepted = (flags & BigInt(KVM_MEMORY_EXIT_FLAG_USERFAULT)) !== 0n;
        const isAsync = intercepted && (flags & BigInt(KVM_MEMORY_EXIT_FLAG_APF)) !== 0n;
        assert.equal(view.memoryFaultIsUserfault, intercepted);
        assert.equal(view.memoryFaultIsAsync, isAsync);
        assert.equal(view.asyncPfUserToken, tokenValue);
        const exit = decodeExit(view, -EFAULT);
        if (gpa >= END_OF_GPAS) {
          assert.deepEqual(exit, { kind: 'bareEfault' });
          assert.equal(view.faultingPageGpa, -1);
          return;
        }
        assert.equal(exit.kind, 'memoryFault');
        assert.equal(exit.gpa, gpa);
        assert.deepEqual(exit.userfault, intercepted ? { isAsync, token: isAsync ? tokenValue : 0 } : undefined);
        assert.equal(view.faultingPageGpa, gpa % 4096n === 0n ? Number(gpa) : -1);
      }),
    );
  });

  it('show no token that an earlier exit left where there is no async page fault', () => {
    fc.assert(
      fc.property(stale, fc.constantFrom(0n, 8n, 16n, 32n, 40n), (left, flags) => {
        const { run, view } = runArea(left);
        run.setNumber('exit_reason', exitReasons.MEMORY_FAULT);
        run.set('memory_fault.flags', flags);
        run.set('memory_fault.gpa', 0x5000n);
        const exit = decodeExit(view, -EFAULT);
        assert.equal(exit.kind, 'memoryFault');
        assert.deepEqual(exit.userfault, flags === 16n ? { isAsync: false, token: 0 } : undefined);
      }),
    );
  });

  it('are none after any other exit, though its data have the same bits set', () => {
    fc.assert(
      fc.property(stale, fc.nat(38), (left, reason) => {
        const { run, view } = runArea(left);
        run.setNumber('exit_reason', reason);
        assert.deepEqual(decodeExit(view, -EFAULT), { kind: 'bareEfault' });
        assert.equal(view.faultingPageGpa, -1);
      }),
    );
  });

  for (const { what, gpa, hex } of RECORDED_RUN_AREAS) {
    const recorded = (): Uint8Array => {
      const bytes = new Uint8Array(2 * 4096);
      bytes.set(Buffer.from(hex, 'hex'));
      return bytes;
    };

    it(`read what a kernel left after ${what}: no proposal's bits`, () => {
      const view = new ExitView(recorded().buffer as ArrayBuffer);
      assert.deepEqual(decodeExit(view, -EFAULT), { kind: 'memoryFault', errno: EFAULT, flags: 0n, isPrivate: false, gpa: BigInt(gpa), sizeBytes: 4096 });
      assert.equal(view.faultingPageGpa, gpa);
      assert.equal(view.memoryFaultIsUserfault, false);
    });

    it(`read the same page after ${what} with the bits and the token that a patched kernel would add`, () => {
      const bytes = recorded();
      const run = new StructView(kvmRunAsyncPfUserLayout, new DataView(bytes.buffer));
      run.setNumber('memory_fault.flags', KVM_MEMORY_EXIT_FLAG_USERFAULT | KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER);
      run.setNumber('memory_fault.async_pf_user_token', 0x7003);
      const exit = decodeExit(new ExitView(bytes.buffer as ArrayBuffer), -EFAULT);
      assert.equal(exit.kind, 'memoryFault');
      assert.equal(exit.gpa, BigInt(gpa));
      assert.deepEqual(exit.userfault, { isAsync: true, token: 0x7003 });
    });
  }
});
