import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EFAULT, EHWPOISON, EINTR, EINVAL } from '../../lib/errors/index.js';
import { ExitView } from '../../lib/kvm/exit-view.js';
import { memoryFailureOf } from '../../lib/kvm/memory-failure.js';
import { SyncRegs } from '../../lib/kvm/sync-regs.js';
import { decodeExit } from '../../lib/kvm/vcpu-exit.js';
import { BUS_MCEERR_AO, BUS_MCEERR_AR, exitReasons, hva, KVM_MEMORY_EXIT_FLAG_PRIVATE, KVM_SYNC_X86_EVENTS, KVM_SYNC_X86_REGS, kvmRunLayout, StructView } from '../../lib/uapi/index.js';

const PORT_DATA = 4096;

/** A run area as KVM could have left it: exits that this host cannot make are written by hand. */
function runArea(): { buffer: ArrayBuffer; run: StructView<keyof typeof kvmRunLayout.fields>; view: ExitView } {
  const buffer = new ArrayBuffer(2 * 4096);
  return { buffer, run: new StructView(kvmRunLayout, new DataView(buffer)), view: new ExitView(buffer) };
}

describe('decodeExit, from run areas written by hand', () => {
  it('reads a memory fault with each errno KVM reports it under', () => {
    for (const errno of [EFAULT, EHWPOISON]) {
      const { run, view } = runArea();
      run.setNumber('exit_reason', exitReasons.MEMORY_FAULT);
      run.set('memory_fault.flags', 8n);
      run.set('memory_fault.gpa', 0x1_2345_6000n);
      run.set('memory_fault.size', 4096n);
      assert.deepEqual(decodeExit(view, -errno), { kind: 'memoryFault', errno, flags: 8n, isPrivate: true, gpa: 0x1_2345_6000n, sizeBytes: 4096 });
      assert.equal(view.faultingPageGpa, 0x1_2345_6000);
      assert.equal(view.memoryFaultGpa, 0x1_2345_6000);
      assert.equal(view.memoryFaultFlags, 8n);
      assert.equal(view.memoryFaultIsPrivate, true);
    }
  });

  it('keeps every flag of a memory fault, those of proposals and those nobody knows', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 64n) - 1n), (flags) => {
        const { run, view } = runArea();
        run.setNumber('exit_reason', exitReasons.MEMORY_FAULT);
        run.set('memory_fault.flags', flags);
        run.set('memory_fault.size', 4096n);
        const isPrivate = (flags & KVM_MEMORY_EXIT_FLAG_PRIVATE) !== 0n;
        const userfault = (flags & 16n) === 0n ? {} : { userfault: { isAsync: (flags & 32n) !== 0n, token: 0 } };
        assert.deepEqual(decodeExit(view, -EFAULT), { kind: 'memoryFault', errno: EFAULT, flags, isPrivate, gpa: 0n, sizeBytes: 4096, ...userfault });
      }),
    );
  });

  it('takes no page from a memory fault that names none: unaligned, larger, empty, or beyond all memory', () => {
    const cases: readonly (readonly [gpa: bigint, size: bigint])[] = [[0x5001n, 4096n], [0x5000n, 8192n], [0x5000n, 0n], [0x5000n, 1n << 63n], [1n << 52n, 4096n], [(1n << 64n) - 4096n, 4096n]];
    for (const [gpa, size] of cases) {
      const { run, view } = runArea();
      run.setNumber('exit_reason', exitReasons.MEMORY_FAULT);
      run.set('memory_fault.gpa', gpa);
      run.set('memory_fault.size', size);
      assert.equal(view.faultingPageGpa, -1, `gpa ${gpa}, size ${size}`);
      assert.equal(decodeExit(view, -EFAULT).kind, gpa >> 52n === 0n ? 'memoryFault' : 'bareEfault', `gpa ${gpa}, size ${size}`);
    }
  });

  it('reads poison that a signal told, whatever KVM_RUN itself left behind', () => {
    const { run, view } = runArea();
    run.setNumber('exit_reason', exitReasons.MEMORY_FAULT);
    const failure = { action: 'required', hva: hva(0x7000_0000_5000n), sizeBytes: 4096 } as const;
    assert.deepEqual(decodeExit(view, -EHWPOISON, failure), { kind: 'memoryFailure', ...failure });
  });

  it('takes a poisoned huge page for one, and its address for that of its first byte', () => {
    const huge = memoryFailureOf({ code: BUS_MCEERR_AR, hva: 0x7000_0012_3000n, lsb: 21 });
    assert.deepEqual(huge, { action: 'required', hva: 0x7000_0000_0000n, sizeBytes: 2 ** 21 });
    assert.deepEqual(memoryFailureOf({ code: BUS_MCEERR_AO, hva: 0x1000n, lsb: 12 }), { action: 'optional', hva: 0x1000n, sizeBytes: 4096 });
  });

  it('invents no address for an EFAULT that carries none, whatever reason an older kernel left behind', () => {
    fc.assert(
      fc.property(fc.nat(38), (reason) => {
        const { run, view } = runArea();
        run.setNumber('exit_reason', reason);
        run.set('memory_fault.gpa', 0x5000n);
        assert.deepEqual(decodeExit(view, -EFAULT), { kind: 'bareEfault' });
      }),
    );
  });

  it('does not read a stale exit reason after any other error', () => {
    fc.assert(
      fc.property(fc.nat(64), (reason) => {
        const { run, view } = runArea();
        run.setNumber('exit_reason', reason);
        assert.deepEqual(decodeExit(view, -EINTR), { kind: 'interrupted' });
        assert.deepEqual(decodeExit(view, -EINVAL), { kind: 'error', errno: EINVAL });
      }),
    );
    const { run, view } = runArea();
    run.setNumber('exit_reason', exitReasons.IO);
    assert.deepEqual(decodeExit(view, -EHWPOISON), { kind: 'error', errno: EHWPOISON });
  });

  it('takes port data from where KVM put it, in each width', () => {
    for (const [size, expected] of [
      [1, 0x78],
      [2, 0x5678],
      [4, 0x1234_5678],
    ] as const) {
      const { buffer, run, view } = runArea();
      run.setNumber('exit_reason', exitReasons.IO);
      run.setNumber('io.direction', 1);
      run.setNumber('io.size', size);
      run.setNumber('io.port', 0xfff4);
      run.setNumber('io.count', 3);
      run.set('io.data_offset', BigInt(PORT_DATA));
      new DataView(buffer).setUint32(PORT_DATA, 0x1234_5678, true);
      assert.deepEqual(decodeExit(view, 0), { kind: 'io', direction: 'out', port: 0xfff4, sizeBytes: size, count: 3, data: expected });
    }
  });

  it('answers a port read in its own width and no further', () => {
    const { buffer, run, view } = runArea();
    run.setNumber('io.size', 2);
    run.set('io.data_offset', BigInt(PORT_DATA));
    new DataView(buffer).setUint32(PORT_DATA, 0xffff_ffff, true);
    view.setIoData32(0xabcd_1234);
    assert.equal(new DataView(buffer).getUint32(PORT_DATA, true), 0xffff_1234);
  });

  it('reads MSR exits with all 64 bits and answers them', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 64n) - 1n), fc.nat(), (data, index) => {
        const { run, view } = runArea();
        run.setNumber('exit_reason', exitReasons.X86_WRMSR);
        run.setNumber('msr.reason', 4);
        run.setNumber('msr.index', index);
        run.set('msr.data', data);
        assert.deepEqual(decodeExit(view, 0), { kind: 'wrmsr', index, reason: 4, data });
        view.setMsrError(true);
        view.setMsrData(view.msrDataHigh, view.msrDataLow);
        assert.equal(run.number('msr.error'), 1);
        assert.equal(run.get('msr.data'), ((data & 0xffff_ffffn) << 32n) | (data >> 32n));
        run.setNumber('exit_reason', exitReasons.X86_RDMSR);
        assert.deepEqual(decodeExit(view, 0), { kind: 'rdmsr', index, reason: 4 });
      }),
    );
  });

  it('copies no more than the eight bytes an MMIO exit has, and none of them for a read', () => {
    const { run, view } = runArea();
    run.setNumber('exit_reason', exitReasons.MMIO);
    run.set('mmio.phys_addr', 0xd000_0004n);
    run.set('mmio.data', 0x0807_0605_0403_0201n);
    run.setNumber('mmio.len', 3);
    run.setNumber('mmio.is_write', 1);
    assert.deepEqual(decodeExit(view, 0), { kind: 'mmio', gpa: 0xd000_0004n, isWrite: true, data: new Uint8Array([1, 2, 3]) });
    run.setNumber('mmio.len', 200);
    run.setNumber('mmio.is_write', 0);
    assert.deepEqual(decodeExit(view, 0), { kind: 'mmio', gpa: 0xd000_0004n, isWrite: false, data: new Uint8Array(8) });
    view.setMmioData(0x11, 0x22);
    assert.equal(run.get('mmio.data'), 0x22_0000_0011n);
  });

  it('shows the instruction that the emulator did not know, if KVM says which', () => {
    const { buffer, run, view } = runArea();
    run.setNumber('exit_reason', exitReasons.INTERNAL_ERROR);
    run.setNumber('internal.suberror', 1);
    run.setNumber('internal.ndata', 4);
    run.set('emulation_failure.flags', 1n);
    run.setNumber('emulation_failure.insn_size', 3);
    new Uint8Array(buffer).set([0xcc, 0x90, 0xf4], 49);
    const exit = decodeExit(view, 0);
    assert.deepEqual(exit.kind === 'internalError' ? [exit.suberror, exit.data.length, exit.instruction] : [], [1, 4, new Uint8Array([0xcc, 0x90, 0xf4])]);
    run.setNumber('emulation_failure.insn_size', 255);
    const long = decodeExit(view, 0);
    assert.equal(long.kind === 'internalError' ? long.instruction?.length : -1, 15);
  });

  it('takes no instruction from an internal error of another kind, nor more words than there are', () => {
    const { run, view } = runArea();
    run.setNumber('exit_reason', exitReasons.INTERNAL_ERROR);
    run.setNumber('internal.suberror', 3);
    run.setNumber('internal.ndata', 4000);
    run.set('emulation_failure.flags', 1n);
    const exit = decodeExit(view, 0);
    assert.deepEqual(exit.kind === 'internalError' ? [exit.data.length, 'instruction' in exit] : [], [16, false]);
    run.setNumber('internal.suberror', 1);
    run.setNumber('internal.ndata', 0);
    assert.deepEqual(decodeExit(view, 0), { kind: 'internalError', suberror: 1, data: [] });
  });

  it('reads the rest of the exits that end or pause a guest', () => {
    const { run, view } = runArea();
    const decodeReason = (reason: number): unknown => {
      run.setNumber('exit_reason', reason);
      return decodeExit(view, 0);
    };
    assert.deepEqual(decodeReason(exitReasons.HLT), { kind: 'hlt' });
    assert.deepEqual(decodeReason(exitReasons.SHUTDOWN), { kind: 'shutdown' });
    assert.deepEqual(decodeReason(exitReasons.INTR), { kind: 'interrupted' });
    assert.deepEqual(decodeReason(exitReasons.IRQ_WINDOW_OPEN), { kind: 'interruptWindow' });
    assert.deepEqual(decodeReason(99), { kind: 'unknown', reason: 99 });
    run.set('fail_entry.hardware_entry_failure_reason', 0x8000_0021n);
    run.setNumber('fail_entry.cpu', 3);
    assert.deepEqual(decodeReason(exitReasons.FAIL_ENTRY), { kind: 'failEntry', hardwareReason: 0x8000_0021n, cpu: 3 });
    run.setNumber('eoi.vector', 0xec);
    assert.deepEqual(decodeReason(exitReasons.IOAPIC_EOI), { kind: 'apicEoi', vector: 0xec });
  });

  it('reads a hypercall and answers it', () => {
    const { buffer, run, view } = runArea();
    run.setNumber('exit_reason', exitReasons.HYPERCALL);
    run.set('hypercall.nr', 12n);
    for (let at = 0; at < 6; at++) new DataView(buffer).setBigUint64(40 + 8 * at, BigInt(at + 1), true);
    assert.deepEqual(decodeExit(view, 0), { kind: 'hypercall', number: 12n, args: [1n, 2n, 3n, 4n, 5n, 6n] });
    view.setHypercallResult(-1n);
    assert.equal(run.get('hypercall.ret'), (1n << 64n) - 1n);
  });

  it('refuses a run area that is shorter than struct kvm_run', () => {
    assert.throws(() => new ExitView(new ArrayBuffer(2351)), /2352 bytes; 2351/);
  });
});

describe('SyncRegs, on a run area written by hand', () => {
  it('replaces what is synced and adds to what is dirty', () => {
    const { buffer, run } = runArea();
    const sync = new SyncRegs(buffer);
    sync.enableSync(KVM_SYNC_X86_REGS);
    sync.enableSync(KVM_SYNC_X86_EVENTS);
    assert.equal(run.number('kvm_valid_regs'), KVM_SYNC_X86_EVENTS);
    sync.markDirty(KVM_SYNC_X86_REGS);
    sync.markDirty(KVM_SYNC_X86_EVENTS);
    assert.equal(run.number('kvm_dirty_regs'), KVM_SYNC_X86_REGS | KVM_SYNC_X86_EVENTS);
    assert.equal(sync.dirty, KVM_SYNC_X86_REGS | KVM_SYNC_X86_EVENTS);
  });

  it('has each register set at its own place', () => {
    const { buffer } = runArea();
    const sync = new SyncRegs(buffer);
    sync.regs.set('rip', 1n);
    sync.sregs.set('cr2', 2n);
    sync.events.setNumber('exception.nr', 3);
    const data = new DataView(buffer);
    assert.equal(data.getBigUint64(304 + 128, true), 1n);
    assert.equal(data.getBigUint64(448 + 232, true), 2n);
    assert.equal(data.getUint8(760 + 1), 3);
  });
});
