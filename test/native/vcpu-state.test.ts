import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import type { NativeVm } from '../../lib/native/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { throwsCode } from './support/coded.js';
import { KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_X86_USER_SPACE_MSR, KVM_EXIT_HLT, KVM_EXIT_IO, KVM_EXIT_X86_RDMSR, KVM_EXIT_X86_WRMSR } from './support/constants.js';
import { ENTRY, HLT, realModeGuest, register } from './support/real-mode.js';
import type { RealModeGuest } from './support/real-mode.js';

const { ioctls } = nativeAddon();

const RAX = 0;
const RIP = 128;
const MSR_IA32_APICBASE = 0x1b;
const MSR_STAR = 0xc0000081;
const MSR_NOBODY_HAS = 0x12345678;

describe('native Vcpu state', () => {
  let guest: RealModeGuest | undefined;
  before(function () {
    requireKvm(this);
  });
  afterEach(() => {
    guest?.close();
    guest = undefined;
  });

  it('registers read back as they were set, and the guest sees them', () => {
    guest = realModeGuest([0xe7, 0x10, ...HLT]); // out 0x10, ax
    const regs = new Uint8Array(144);
    guest.vcpu.getRegs(regs);
    new DataView(regs.buffer).setBigUint64(RAX, 0x1122_3344_5566_7788n, true);
    guest.vcpu.setRegs(regs);
    assert.equal(register(guest.vcpu, RAX), 0x1122_3344_5566_7788n);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.run.getUint16(Number(guest.run.getBigUint64(40, true)), true), 0x7788);
  });

  it('special registers read back as they were set, and what cannot be is refused', () => {
    guest = realModeGuest(HLT);
    const sregs = new Uint8Array(312);
    const view = new DataView(sregs.buffer);
    guest.vcpu.getSregs(sregs);
    view.setBigUint64(208, 0x5000n, true); // idt.base
    view.setUint16(216, 0x3ff, true);
    guest.vcpu.setSregs(sregs);
    guest.vcpu.getSregs(sregs.fill(0));
    assert.equal(view.getBigUint64(208, true), 0x5000n);
    view.setBigUint64(224, 0x8000_0000n, true); // cr0: paging without protection
    const error = throwsCode('KVM_EINVAL', () => { guest?.vcpu.setSregs(sregs); });
    assert.equal(error.syscall, 'KVM_SET_SREGS');
  });

  it('events read back as they were set', () => {
    guest = realModeGuest(HLT);
    const events = new Uint8Array(64);
    guest.vcpu.getVcpuEvents(events);
    events[0] = 1; // exception.injected
    events[1] = 6; // #UD
    guest.vcpu.setVcpuEvents(events);
    guest.vcpu.getVcpuEvents(events.fill(0));
    assert.deepEqual([...events.subarray(0, 2)], [1, 6]);
    events[1] = 200; // no exception has this number
    throwsCode('KVM_EINVAL', () => { guest?.vcpu.setVcpuEvents(events); });
  });

  it('CPUID entries read back as they were set', () => {
    guest = realModeGuest(HLT);
    const supported = guest.kvm.supportedCpuid();
    guest.vcpu.setCpuid2(supported);
    const now = guest.vcpu.getCpuid2();
    assert.equal(now.length, supported.length);
    const leaf = (bytes: Uint8Array, i: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(i * 40, true);
    for (let i = 0; i < now.length / 40; i++) assert.equal(leaf(now, i), leaf(supported, i));
  });

  it('an MSR reads back as it was set', () => {
    guest = realModeGuest(HLT);
    guest.vcpu.setCpuid2(guest.kvm.supportedCpuid());
    guest.vcpu.setMsr(MSR_STAR, 0x0023_0010_0000_0000n);
    assert.equal(guest.vcpu.getMsr(MSR_STAR), 0x0023_0010_0000_0000n);
    assert.equal(guest.vcpu.getMsr(MSR_IA32_APICBASE) >> 12n, 0xfee00n);
  });

  it('an MSR that KVM does not have, or a value it may not hold, throws KVM_MSR_REFUSED with its number', () => {
    guest = realModeGuest(HLT);
    assert.match(throwsCode('KVM_MSR_REFUSED', () => guest?.vcpu.getMsr(MSR_NOBODY_HAS)).message, /0x12345678/);
    throwsCode('KVM_MSR_REFUSED', () => { guest?.vcpu.setMsr(MSR_NOBODY_HAS, 1n); });
    throwsCode('KVM_MSR_REFUSED', () => { guest?.vcpu.setMsr(MSR_IA32_APICBASE, 2n ** 63n); });
  });

  it('the state of a processor is what was set', () => {
    const RUNNABLE = 0;
    const HALTED = 3;
    guest = realModeGuest(HLT, (vm: NativeVm) => {
      if (vm.checkExtension(KVM_CAP_SPLIT_IRQCHIP) !== 0) vm.enableSplitIrqchip(24);
    });
    assert.equal(guest.vcpu.getMpState(), RUNNABLE);
    if (guest.vm.checkExtension(KVM_CAP_SPLIT_IRQCHIP) !== 0) {
      guest.vcpu.setMpState(HALTED);
      assert.equal(guest.vcpu.getMpState(), HALTED);
    }
    throwsCode('KVM_EINVAL', () => { guest?.vcpu.setMpState(99); });
  });

  it('translate is the identity without paging', () => {
    guest = realModeGuest(HLT);
    const translated = guest.vcpu.translate(0x1234n);
    assert.equal(translated.valid, true);
    assert.equal(translated.gpa, 0x1234n);
  });

  it('an interrupt is taken by the guest, without an in-kernel irqchip', () => {
    // sti; hlt; and at vector 0x21 (IVT entry at 0x84): out 0x21, al
    guest = realModeGuest([0xfb, ...HLT]);
    guest.bytes.set([0xe6, 0x21, ...HLT], 0x1100);
    guest.bytes.set([0x00, 0x11, 0x00, 0x00], 0x84);
    setStack(guest);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_HLT);
    guest.vcpu.interrupt(0x21);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_IO);
    assert.equal(guest.run.getUint16(34, true), 0x21);
  });

  it('with a split irqchip a second interrupt from user space throws KVM_EEXIST while the first is pending', function () {
    guest = realModeGuest(HLT, (vm) => {
      if (vm.checkExtension(KVM_CAP_SPLIT_IRQCHIP) !== 0) vm.enableSplitIrqchip(24);
    });
    if (guest.vm.checkExtension(KVM_CAP_SPLIT_IRQCHIP) === 0) skip(this, 'this KVM has no split irqchip', { hostCannot: true });
    // A split irqchip leaves the PIC to user space.
    guest.vcpu.interrupt(0x21);
    assert.equal(throwsCode('KVM_EEXIST', () => { guest?.vcpu.interrupt(0x22); }).syscall, 'KVM_INTERRUPT');
    throwsCode('BAD_ARGUMENT', () => { guest?.vcpu.interrupt(256); });
  });

  it('an NMI is taken by the guest', () => {
    guest = realModeGuest(HLT);
    guest.bytes.set([0xe6, 0x02, ...HLT], 0x1100);
    guest.bytes.set([0x00, 0x11, 0x00, 0x00], 0x08);
    setStack(guest);
    guest.vcpu.nmi();
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_IO);
    assert.equal(guest.run.getUint16(34, true), 0x02);
  });

  it('a machine check bank holds what was set, after setupMce', () => {
    const supported = new Uint8Array(8);
    const KVM_X86_GET_MCE_CAP_SUPPORTED = 0x8008ae9d;
    guest = realModeGuest(HLT);
    guest.vcpu.setCpuid2(guest.kvm.supportedCpuid());
    guest.kvm.ioctl(KVM_X86_GET_MCE_CAP_SUPPORTED, supported);
    const banks = 10n;
    const MCG_CTL_P = 1n << 8n;
    guest.vcpu.setupMce(banks | (new DataView(supported.buffer).getBigUint64(0, true) & MCG_CTL_P));
    const VAL = 1n << 63n;
    const EN = 1n << 60n;
    guest.vcpu.setMce({ status: VAL | EN | 0x9fn, addr: 0x1000n, misc: 0x8cn, mcgStatus: 0n, bank: 4 });
    const MSR_IA32_MC4_STATUS = 0x411;
    assert.equal(guest.vcpu.getMsr(MSR_IA32_MC4_STATUS), VAL | EN | 0x9fn);
    assert.equal(guest.vcpu.getMsr(MSR_IA32_MC4_STATUS + 1), 0x1000n);
    throwsCode('KVM_EINVAL', () => { guest?.vcpu.setMce({ status: VAL, addr: 0n, misc: 0n, mcgStatus: 0n, bank: 200 }); });
    throwsCode('KVM_EINVAL', () => { guest?.vcpu.setupMce(0xffn); });
    throwsCode('BAD_ARGUMENT', () => { guest?.vcpu.setMce({ status: 1, addr: 0n, misc: 0n, mcgStatus: 0n, bank: 0 } as never); });
    throwsCode('BAD_ARGUMENT', () => { guest?.vcpu.setMce(null as never); });
  });

  it('tscKhz is the frequency the guest is told', () => {
    guest = realModeGuest(HLT);
    assert.ok(guest.vcpu.tscKhz() > 100_000);
  });

  it('enableCap on a vCPU that does not have the capability throws', () => {
    guest = realModeGuest(HLT);
    assert.equal(throwsCode('KVM_EINVAL', () => guest?.vcpu.enableCap(0xfffff)).syscall, 'KVM_ENABLE_CAP');
  });

  it('MSR accesses that the filter takes away come to user space', function () {
    const FILTERED = 0x4b564d02; // the guest's async page fault enable
    const KVM_MSR_FILTER_READ_WRITE = 3;
    const KVM_MSR_EXIT_REASON_FILTER = 4n;
    // mov ecx, FILTERED; mov eax, 5; xor edx, edx; wrmsr; rdmsr; hlt - with 32-bit operand prefixes
    const code = [0x66, 0xb9, 0x02, 0x4d, 0x56, 0x4b, 0x66, 0xb8, 5, 0, 0, 0, 0x66, 0x31, 0xd2, 0x0f, 0x30, 0x0f, 0x32, ...HLT];
    guest = realModeGuest(code, (vm) => {
      if (vm.checkExtension(KVM_CAP_X86_USER_SPACE_MSR) === 0) return;
      vm.enableCap(KVM_CAP_X86_USER_SPACE_MSR, 0, [KVM_MSR_EXIT_REASON_FILTER]);
      vm.setMsrFilter(0, [{ flags: KVM_MSR_FILTER_READ_WRITE, base: FILTERED, count: 1, bitmap: Uint8Array.of(0) }]);
    });
    if (guest.vm.checkExtension(KVM_CAP_X86_USER_SPACE_MSR) === 0) skip(this, 'this KVM cannot bring MSR accesses to user space', { hostCannot: true });
    guest.vcpu.setCpuid2(guest.kvm.supportedCpuid());
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_X86_WRMSR);
    assert.equal(guest.run.getUint32(44, true), FILTERED);
    assert.equal(guest.run.getBigUint64(48, true), 5n);
    guest.run.setUint8(32, 0); // no error
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_X86_RDMSR);
    guest.run.setBigUint64(48, 0x77n, true);
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_HLT);
    assert.equal(register(guest.vcpu, RAX), 0x77n);
  });

  it('synchronized registers come with the exit and go with the entry', function () {
    const KVM_CAP_SYNC_REGS = 74;
    guest = realModeGuest([0x40, 0xe7, 0x10, ...HLT]); // inc ax; out 0x10, ax; hlt
    if ((guest.vm.checkExtension(KVM_CAP_SYNC_REGS) & 1) === 0) skip(this, 'this KVM has no synchronized registers', { hostCannot: true });
    const { run } = guest;
    run.setBigUint64(288, 1n, true); // kvm_valid_regs: general registers
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_IO);
    assert.equal(run.getBigUint64(304 + RAX, true), register(guest.vcpu, RAX));
    run.setBigUint64(304 + RAX, 0x41n, true);
    run.setBigUint64(304 + RIP, BigInt(ENTRY), true);
    run.setBigUint64(296, 1n, true); // kvm_dirty_regs
    assert.equal(guest.vcpu.run(), 0);
    assert.equal(guest.exitReason(), KVM_EXIT_IO);
    assert.equal(run.getUint16(Number(run.getBigUint64(40, true)), true), 0x42);
  });

  it('a raw ioctl on the vCPU gives what the method gives', () => {
    guest = realModeGuest(HLT);
    const [raw, method] = [new Uint8Array(144), new Uint8Array(144)];
    guest.vcpu.ioctl(ioctls['KVM_GET_REGS'], raw);
    guest.vcpu.getRegs(method);
    assert.deepEqual(raw, method);
    const mpState = Uint8Array.of(99, 0, 0, 0);
    throwsCode('KVM_EINVAL', () => guest?.vcpu.ioctl(ioctls['KVM_SET_MP_STATE'], mpState));
  });
});

function setStack(guest: RealModeGuest): void {
  const regs = new Uint8Array(144);
  guest.vcpu.getRegs(regs);
  new DataView(regs.buffer).setBigUint64(48, 0x8000n, true); // rsp
  guest.vcpu.setRegs(regs);
}
