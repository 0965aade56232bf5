import assert from 'node:assert/strict';
import { EINTR, EINVAL } from '../../lib/errors/index.js';
import { msiTo, Vcpu } from '../../lib/kvm/index.js';
import {
  APIC_BASE_ENABLE,
  APIC_BASE_X2APIC,
  CPUID_1_ECX_X2APIC,
  gpa,
  KVM_EXIT_IO,
  KVM_EXIT_IO_OUT,
  KVM_EXIT_UNKNOWN,
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  KVM_SYNC_X86_EVENTS,
  KVM_SYNC_X86_REGS,
  KVM_SYNC_X86_SREGS,
  MSR_KVM_ASYNC_PF_EN,
  MSR_X2APIC_SPURIOUS,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  RFLAGS_IF,
  setCpuidBit,
} from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { CODE_GPA, setRealModeDataSegment, setRealModeHandler, withRealModeGuest, withUserModeGuest, type GuestOptions } from './guests.js';

const HLT = [0xf4];
const OUT_AL_10 = [0xe6, 0x10]; // out %al, $0x10
const OUT_EAX_10 = [0x66, 0xe7, 0x10]; // out %eax, $0x10 (real mode)
const SPIN = [0xeb, 0xfe]; // jmp .

const io = (data: number, sizeBytes = 1): object => ({ kind: 'io', direction: 'out', port: 0x10, sizeBytes, count: 1, data });

describe('exits of a real-mode guest', () => {
  before(function () {
    requireKvm(this);
  });

  it('HLT leaves without an in-kernel irqchip', () => {
    withRealModeGuest(HLT, ({ runToExit }) => {
      assert.deepEqual(runToExit(), { kind: 'hlt' });
    });
  });

  it('OUT shows port, width and value, in the view as in the object', () => {
    // mov $0x42, %al; out %al, $0x10; mov $0x12345678, %eax; out %eax, $0x10
    withRealModeGuest([0xb0, 0x42, ...OUT_AL_10, 0x66, 0xb8, 0x78, 0x56, 0x34, 0x12, ...OUT_EAX_10], ({ vcpu, runToExit }) => {
      assert.deepEqual(runToExit(), io(0x42));
      assert.equal(vcpu.exit.exitReason, KVM_EXIT_IO);
      assert.equal(vcpu.exit.ioDirection, KVM_EXIT_IO_OUT);
      assert.equal(vcpu.exit.ioPort, 0x10);
      assert.equal(vcpu.exit.ioData32, 0x42);
      assert.deepEqual(runToExit(), io(0x1234_5678, 4));
    });
  });

  it('IN gets what was put into the port data', () => {
    // in $0x20, %al; out %al, $0x10
    withRealModeGuest([0xe4, 0x20, ...OUT_AL_10], ({ vcpu, runToExit }) => {
      assert.deepEqual(runToExit(), { kind: 'io', direction: 'in', port: 0x20, sizeBytes: 1, count: 1, data: 0 });
      vcpu.exit.setIoData32(0x5a);
      assert.deepEqual(runToExit(), io(0x5a));
    });
  });

  it('an access outside every slot is MMIO, and a read of it gets what was put into its data', () => {
    // mov $0x77, %al; mov %al, %ds:0; mov %ds:0, %al; out %al, $0x10
    withRealModeGuest([0xb0, 0x77, 0xa2, 0x00, 0x00, 0xa0, 0x00, 0x00, ...OUT_AL_10], (guest) => {
      const { vcpu, runToExit } = guest;
      setRealModeDataSegment(guest, 0x90000);
      assert.deepEqual(runToExit(), { kind: 'mmio', gpa: 0x90000n, isWrite: true, data: new Uint8Array([0x77]) });
      assert.deepEqual(runToExit(), { kind: 'mmio', gpa: 0x90000n, isWrite: false, data: new Uint8Array(1) });
      vcpu.exit.setMmioData(0x99, 0);
      assert.deepEqual(runToExit(), io(0x99));
    });
  });

  it('a deleted slot is no memory any more', () => {
    // mov 0x5000, %al (twice), each followed by out
    const load = [0xa0, 0x00, 0x50];
    withRealModeGuest([...load, ...OUT_AL_10, ...load, ...OUT_AL_10], (guest) => {
      const { vm, memory, runToExit } = guest;
      const extra = vm.createMemorySlot({ slot: 1, gpa: gpa(0x95000), sizeBytes: 4096, mapping: memory, offset: 0x5000 });
      memory.write(0x5000, Uint8Array.of(0x33));
      setRealModeDataSegment(guest, 0x90000);
      assert.deepEqual(runToExit(), io(0x33));
      extra.delete();
      extra.delete();
      assert.ok(extra.deleted);
      assert.deepEqual(runToExit(), { kind: 'mmio', gpa: 0x95000n, isWrite: false, data: new Uint8Array(1) });
      assert.throws(
        () => {
          extra.setFlags(0);
        },
        { code: 'HANDLE_CLOSED' },
      );
    });
  });

  it('a kick ends KVM_RUN, and immediate_exit keeps the guest from being entered', () => {
    withRealModeGuest([...OUT_AL_10, ...SPIN], ({ vcpu, runToExit }) => {
      vcpu.exit.setImmediateExit(true);
      assert.equal(vcpu.run(), -EINTR);
      vcpu.exit.setImmediateExit(false);
      assert.equal(runToExit().kind, 'io');
      assert.equal(Vcpu.kick(vcpu.share()), true);
      assert.equal(vcpu.run(), -EINTR);
      assert.equal(vcpu.sliceCount, 0);
    });
  });

  it('a guest that never exits comes back all the same', () => {
    withRealModeGuest(SPIN, ({ vcpu }) => {
      const result = vcpu.run();
      assert.deepEqual(vcpu.decodeExit(result), { kind: 'interrupted' });
      assert.equal(vcpu.sliceCount, 1);
      assert.equal(vcpu.runCount, 1);
      assert.ok(vcpu.runTimeNs > 0);
    });
  });

  it('a kick of a closed vCPU says so', () => {
    let share = 0;
    withRealModeGuest(HLT, ({ vcpu }) => {
      share = vcpu.share();
    });
    assert.equal(Vcpu.kick(share), false);
  });

  it('an interrupt window opens when the guest takes interrupts, and an interrupt goes in there', () => {
    // nop; sti; nop; jmp .   handler: out %al, $0x10
    withRealModeGuest([0x90, 0xfb, 0x90, ...SPIN], (guest) => {
      const { vcpu, runToExit } = guest;
      setRealModeHandler(guest, 0x20, OUT_AL_10);
      vcpu.exit.setRequestInterruptWindow(true);
      assert.deepEqual(runToExit(), { kind: 'interruptWindow' });
      assert.ok(vcpu.exit.readyForInterruptInjection);
      assert.ok(vcpu.exit.interruptFlag);
      vcpu.exit.setRequestInterruptWindow(false);
      vcpu.interrupt(0x20);
      assert.equal(runToExit().kind, 'io');
    });
  });

  it('an MSI reaches the APIC it names', () => {
    // sti; hlt   handler: out %al, $0x10
    withRealModeGuest(
      [0xfb, 0xf4, ...SPIN],
      (guest) => {
        const { kvm, vm, vcpu, runToExit } = guest;
        setRealModeHandler(guest, 0x30, OUT_AL_10);
        const cpuid = kvm.supportedCpuid();
        setCpuidBit(cpuid, 1, 'ecx', CPUID_1_ECX_X2APIC);
        vcpu.setCpuid(cpuid);
        const sregs = vcpu.getSregs();
        sregs.set('apic_base', sregs.get('apic_base') | BigInt(APIC_BASE_ENABLE | APIC_BASE_X2APIC));
        vcpu.setSregs(sregs);
        vcpu.setMsr(MSR_X2APIC_SPURIOUS, 0x1ffn);
        assert.ok(vm.signalMsi(msiTo(0, 0x30)) > 0);
        assert.equal(runToExit().kind, 'io');
        assert.ok(vm.signalMsi(msiTo(7, 0x30)) <= 0, 'an APIC that is not there took an MSI');
      },
      { prepareVm: (vm) => vm.enableSplitIrqchip() },
    );
  });
});

describe('MSR exits', () => {
  const MSR = MSR_KVM_ASYNC_PF_EN;
  const options: GuestOptions = {
    prepareVm: (vm) => {
      vm.requireCapabilities(['X86_USER_SPACE_MSR', 'X86_MSR_FILTER']);
      vm.enableCap('X86_USER_SPACE_MSR', 0, [BigInt(KVM_MSR_EXIT_REASON_FILTER)]);
      vm.setMsrFilter(KVM_MSR_FILTER_DEFAULT_ALLOW, [{ flags: KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, base: MSR, count: 8, bitmap: new Uint8Array(1) }]);
    },
  };
  const MOV_ECX_MSR = [0x66, 0xb9, MSR & 0xff, (MSR >>> 8) & 0xff, (MSR >>> 16) & 0xff, MSR >>> 24];
  // mov $0x80000009, %eax; mov $0x00c0ffee, %edx; wrmsr
  const WRMSR = [0x66, 0xb8, 0x09, 0x00, 0x00, 0x80, 0x66, 0xba, 0xee, 0xff, 0xc0, 0x00, 0x0f, 0x30];
  const RDMSR = [0x0f, 0x32];

  before(function () {
    requireKvm(this);
  });

  it('a filtered WRMSR leaves with all 64 bits; a filtered RDMSR gets what user space answers', () => {
    withRealModeGuest(
      [...MOV_ECX_MSR, ...WRMSR, ...RDMSR, ...OUT_EAX_10],
      ({ vcpu, runToExit }) => {
        assert.deepEqual(runToExit(), { kind: 'wrmsr', index: MSR, reason: KVM_MSR_EXIT_REASON_FILTER, data: 0x00c0_ffee_8000_0009n });
        assert.equal(vcpu.exit.msrDataLow, 0x8000_0009);
        assert.equal(vcpu.exit.msrDataHigh, 0x00c0_ffee);
        vcpu.exit.setMsrError(false);
        assert.deepEqual(runToExit(), { kind: 'rdmsr', index: MSR, reason: KVM_MSR_EXIT_REASON_FILTER });
        vcpu.exit.setMsrError(false);
        vcpu.exit.setMsrData(0xcafe_f00d, 0);
        assert.deepEqual(runToExit(), io(0xcafe_f00d, 4));
      },
      options,
    );
  });

  it('a refused WRMSR is #GP in the guest', () => {
    withRealModeGuest(
      [...MOV_ECX_MSR, ...WRMSR, ...HLT],
      (guest) => {
        setRealModeHandler(guest, 13, OUT_AL_10);
        assert.equal(guest.runToExit().kind, 'wrmsr');
        guest.vcpu.exit.setMsrError(true);
        assert.deepEqual(guest.runToExit(), io(0x09));
      },
      options,
    );
  });
});

describe('exits of a CPL3 guest', () => {
  const DATA_GPA = 0x20000;
  // mov 0x20000, %al; mov %al, 0x800000 (no slot there: the value leaves as MMIO)
  const LOAD_AND_SHOW = [0x8a, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00, 0x88, 0x04, 0x25, 0x00, 0x00, 0x80, 0x00];
  const shown = (value: number): object => ({ kind: 'mmio', gpa: 0x80_0000n, isWrite: true, data: new Uint8Array([value]) });

  before(function () {
    requireKvm(this);
  });

  it('memory that the host denies is an EFAULT without an address; the same instruction goes on once it is there', () => {
    withUserModeGuest(LOAD_AND_SHOW, ({ memory, vcpu, runToExit }) => {
      memory.write(DATA_GPA, Uint8Array.of(0x5c));
      memory.protect(DATA_GPA, 4096, PROT_NONE);
      const exit = runToExit();
      // A kernel that annotates failed faults gives the address; a stock one does not. Both are right, and must not be mixed up.
      if (exit.kind === 'memoryFault') assert.equal(exit.gpa, BigInt(DATA_GPA));
      else assert.deepEqual(exit, { kind: 'bareEfault' });
      assert.equal(vcpu.getRegs().number('rip'), CODE_GPA);
      memory.protect(DATA_GPA, 4096, PROT_READ | PROT_WRITE);
      assert.deepEqual(runToExit(), shown(0x5c));
    });
  });

  it('an exception without an IDT is a shutdown', () => {
    withUserModeGuest([0x0f, 0x0b], ({ runToExit }) => {
      assert.deepEqual(runToExit(), { kind: 'shutdown' });
    });
  });

  it('synced registers show where the guest is and change what it does, without an ioctl', () => {
    // mov %al, 0x800000; mov %bl, 0x800000
    const code = [0x88, 0x04, 0x25, 0x00, 0x00, 0x80, 0x00, 0x88, 0x1c, 0x25, 0x00, 0x00, 0x80, 0x00];
    withUserModeGuest(code, ({ vcpu, vm, runToExit }) => {
      vm.requireCapabilities([{ capability: 'SYNC_REGS', bits: KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS }]);
      const { syncRegs } = vcpu;
      syncRegs.enableSync(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS);
      const { regs, sregs, events } = syncRegs;
      assert.deepEqual(runToExit(), shown(0));
      assert.equal(sregs.cpl(), 3);
      assert.equal(sregs.number('cr3'), 0x1000);
      assert.equal(sregs.cs.number('selector'), 0x23);
      assert.ok(!events.isBusy());
      assert.equal(regs.number('rflags') & RFLAGS_IF, 0);
      regs.setNumber('rbx', 0xab);
      syncRegs.markDirty(KVM_SYNC_X86_REGS);
      assert.equal(syncRegs.dirty, KVM_SYNC_X86_REGS);
      assert.deepEqual(runToExit(), shown(0xab));
      assert.equal(syncRegs.dirty, 0);
      assert.equal(regs.number('rbx'), 0xab);
    });
  });

  it('a KVM_RUN that fails before KVM looks at anything leaves no reason of an earlier exit', () => {
    withUserModeGuest(LOAD_AND_SHOW, ({ vcpu, runToExit }) => {
      assert.equal(runToExit().kind, 'mmio');
      vcpu.syncRegs.enableSync(0x8000_0000);
      assert.deepEqual(vcpu.decodeExit(vcpu.run()), { kind: 'error', errno: EINVAL });
      assert.equal(vcpu.exit.exitReason, KVM_EXIT_UNKNOWN);
    });
  });

  it('invalid synced registers fail KVM_RUN with EINVAL and do not crash anything', () => {
    withUserModeGuest(LOAD_AND_SHOW, ({ vcpu, runToExit }) => {
      vcpu.syncRegs.enableSync(0x8000_0000);
      assert.equal(runToExit().kind, 'error');
      vcpu.syncRegs.enableSync(0);
      assert.equal(runToExit().kind, 'mmio');
    });
  });
});
