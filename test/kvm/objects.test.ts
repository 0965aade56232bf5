import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { nativeAddon } from '../../lib/native/index.js';
import { Kvm, KVM_API_VERSION, Vm, type GuestMemfd, type MemorySlot } from '../../lib/kvm/index.js';
import {
  cpuidSignature,
  findCpuid,
  gpa,
  gva,
  KVM_CPUID_FEATURES,
  KVM_CPUID_SIGNATURE,
  KVM_FEATURE_ASYNC_PF_INT,
  KVM_MEM_GUEST_MEMFD,
  KVM_MEM_LOG_DIRTY_PAGES,
  hasCpuidBit,
  KVM_MP_STATE_HALTED,
  KVM_MP_STATE_RUNNABLE,
  PROT_READ,
  PROT_WRITE,
  setCpuidBit,
  VECTOR_PAGE_FAULT,
} from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import type { WorkerResult } from './adopting-worker.js';
import { CODE_GPA, withRealModeGuest, withSharedVm, withUserModeGuest } from './guests.js';
import { patience } from '../support/slowness.js';

const MSR_KERNEL_GS_BASE = 0xc000_0102;
const ABSENT_CAPABILITY = 100_000;

describe('Kvm.open', () => {
  it('says what to do where there is no /dev/kvm', () => {
    assert.throws(() => Kvm.open('/dev/there-is-no-such-device'), { name: 'FaultLabError', code: 'KVM_ENOENT', errno: 2, message: /could not open \/dev\/there-is-no-such-device/, hint: /modprobe/ });
  });

  it('does not take another device for KVM', () => {
    assert.throws(() => Kvm.open('/dev/null'), { name: 'FaultLabError', message: /API version/ });
  });
});

describe('Kvm and Vm', () => {
  let kvm: Kvm;
  let vm: Vm;
  before(function () {
    requireKvm(this);
    kvm = Kvm.open();
  });
  after(() => {
    // Absent where the suite was skipped.
    (kvm as Kvm | undefined)?.close();
  });
  beforeEach(() => {
    vm = kvm.createVm();
  });
  afterEach(() => {
    vm.close();
  });

  it('speaks the one API version and has a run area for every vCPU', () => {
    assert.equal(kvm.apiVersion(), KVM_API_VERSION);
    assert.ok(kvm.vcpuMmapSizeBytes() >= 4096);
  });

  it('asks for capabilities by name and by number alike, and names every one that is missing', () => {
    assert.equal(vm.checkExtension('IMMEDIATE_EXIT'), vm.checkExtension(136));
    assert.equal(vm.checkExtension(ABSENT_CAPABILITY), 0);
    kvm.requireCapabilities(['USER_MEMORY', 'IMMEDIATE_EXIT', { capability: 'SYNC_REGS', bits: 1 }]);
    assert.throws(
      () => {
        vm.requireCapabilities(['USER_MEMORY', { capability: ABSENT_CAPABILITY, bits: 0 }, { capability: 'SYNC_REGS', bits: 0x4000_0000 }]);
      },
      { code: 'CAP_MISSING', message: /^this VM does not offer capability 100000; KVM_CAP_SYNC_REGS with bits 0x40000000, it has 0x\d$/ },
    );
  });

  it('offers a CPUID that names KVM, as a fresh array each time', () => {
    const supported = kvm.supportedCpuid();
    const signature = findCpuid(supported, KVM_CPUID_SIGNATURE);
    assert.ok(signature);
    assert.equal(cpuidSignature(signature), 'KVMKVMKVM');
    supported.length = 0;
    assert.ok(kvm.supportedCpuid().length > 10);
  });

  it('gives a second handle that outlives the first', () => {
    const adopted = Vm.adopt(vm.share());
    vm.close();
    assert.ok(vm.closed);
    assert.throws(() => vm.checkExtension('USER_MEMORY'), { name: 'FaultLabError', code: 'HANDLE_CLOSED', message: /KVM_CAP_USER_MEMORY/ });
    assert.ok(adopted.checkExtension('USER_MEMORY') > 0);
    const vcpu = adopted.createVcpu(3);
    assert.equal(vcpu.id, 3);
    assert.equal(vcpu.threadId, nativeAddon().threadId());
    vcpu.close();
    adopted.close();
  });

  it('does not adopt a number that was never given', () => {
    assert.throws(() => Vm.adopt(123_456_789), { name: 'FaultLabError', code: 'BAD_SHARE' });
  });

  it('refuses memory slots that KVM or the mapping cannot hold, and says what is wrong', () => {
    const mapping = nativeAddon().Mapping.anonymous(0x4000, PROT_READ | PROT_WRITE);
    try {
      const create = (changes: object): unknown => vm.createMemorySlot({ slot: 0, gpa: gpa(0), sizeBytes: 0x4000, mapping, ...changes });
      for (const [changes, problem] of [
        [{ sizeBytes: 0 }, /size, 0 bytes/],
        [{ sizeBytes: 100 }, /100 bytes/],
        [{ sizeBytes: Number.NaN }, /NaN/],
        [{ gpa: gpa(0x10) }, /gpa 0x10/],
        [{ offset: 12 }, /offset 12/],
        [{ offset: -4096 }, /offset -4096/],
        [{ offset: 4096 }, /leave the mapping/],
        [{ mapping: null }, /neither a mapping/],
      ] as const) {
        assert.throws(() => create(changes), { code: 'BAD_ARGUMENT', message: problem });
      }
      create({});
      assert.throws(() => create({ slot: 1 }), { code: 'KVM_EEXIST', syscall: 'KVM_SET_USER_MEMORY_REGION', message: /memory slot 1/ });
    } finally {
      mapping.close();
    }
  });
});

describe('MemorySlot', () => {
  before(function () {
    requireKvm(this);
  });

  it('changes its flags where KVM allows it, and keeps the old ones where it does not', () => {
    withRealModeGuest([0xf4], ({ slot }) => {
      slot.setFlags(KVM_MEM_LOG_DIRTY_PAGES);
      assert.equal(slot.flags, KVM_MEM_LOG_DIRTY_PAGES);
      assert.throws(
        () => {
          slot.setFlags(1 << 30);
        },
        { code: 'KVM_EINVAL', message: /flags 0x40000000/ },
      );
      assert.equal(slot.flags, KVM_MEM_LOG_DIRTY_PAGES);
      slot.setFlags(0);
      assert.equal(slot.flags, 0);
    });
  });

  it('takes guest_memfd where KVM has it, and names the call that is refused where it has not', () => {
    withRealModeGuest([0xf4], ({ vm }) => {
      const mapping = nativeAddon().Mapping.anonymous(0x4000, PROT_READ | PROT_WRITE);
      let guestMemfd: GuestMemfd | undefined;
      const create = (slot: number, guestMemfdOffset: number): MemorySlot => {
        guestMemfd ??= vm.createGuestMemfd(0x4000);
        return vm.createMemorySlot({ slot, gpa: gpa(slot * 0x10_0000), sizeBytes: 0x4000, mapping, guestMemfd, guestMemfdOffset });
      };
      try {
        if (vm.checkExtension('GUEST_MEMFD') === 0) {
          assert.throws(() => create(1, 0), { name: 'FaultLabError', syscall: /KVM_CREATE_GUEST_MEMFD|KVM_SET_USER_MEMORY_REGION2/ });
          return;
        }
        const slot = create(1, 0);
        assert.equal(slot.flags, KVM_MEM_GUEST_MEMFD);
        assert.throws(() => create(2, 0x4000), { name: 'FaultLabError', syscall: 'KVM_SET_USER_MEMORY_REGION2' });
        slot.delete();
      } finally {
        mapping.close();
        guestMemfd?.close();
      }
    });
  });
});

describe('a VM shared with a Worker', () => {
  before(function () {
    requireKvm(this);
  });

  it('is adopted there, and runs a vCPU on that thread', async () => {
    await withSharedVm(async (vm) => {
      const worker = new Worker(new URL('./adopting-worker.js', import.meta.url), { workerData: vm.share() });
      try {
        const [message] = (await once(worker, 'message', { signal: AbortSignal.timeout(patience(20_000)) })) as [WorkerResult];
        assert.deepEqual(message.exit, { kind: 'io', direction: 'out', port: 0x10, sizeBytes: 1, count: 1, data: 0x42 });
        assert.notEqual(message.threadId, nativeAddon().threadId());
        assert.equal(message.threadId, message.vcpuThreadId);
      } finally {
        await worker.terminate();
      }
    });
  });
});

describe('Vcpu', () => {
  before(function () {
    requireKvm(this);
  });

  it('gives back the registers, events, MSRs and MP state it was given', () => {
    withRealModeGuest([0xf4], ({ vcpu }) => {
      const regs = vcpu.getRegs();
      regs.set('r15', 0xffff_8000_1234_5678n);
      vcpu.setRegs(regs);
      assert.equal(vcpu.getRegs().get('r15'), 0xffff_8000_1234_5678n);
      const sregs = vcpu.getSregs();
      sregs.setNumber('cr2', 0xabc000);
      vcpu.setSregs(sregs);
      assert.equal(vcpu.getSregs().number('cr2'), 0xabc000);
      vcpu.setMsr(MSR_KERNEL_GS_BASE, 0x7fff_0000_0000n);
      assert.equal(vcpu.getMsr(MSR_KERNEL_GS_BASE), 0x7fff_0000_0000n);
      const events = vcpu.getEvents();
      events.injectException(VECTOR_PAGE_FAULT, 2);
      vcpu.setEvents(events);
      const back = vcpu.getEvents();
      assert.deepEqual([back.isBusy(), back.number('exception.nr'), back.number('exception.error_code')], [true, VECTOR_PAGE_FAULT, 2]);
      assert.ok(vcpu.tscKhz() > 0);
    });
  });

  it('takes a CPUID with features changed and shows it', () => {
    withRealModeGuest([0xf4], ({ kvm, vcpu }) => {
      const cpuid = kvm.supportedCpuid();
      setCpuidBit(cpuid, KVM_CPUID_FEATURES, 'eax', KVM_FEATURE_ASYNC_PF_INT, false);
      vcpu.setCpuid(cpuid);
      const shown = vcpu.getCpuid();
      assert.ok(findCpuid(shown, KVM_CPUID_SIGNATURE));
      assert.ok(!hasCpuidBit(shown, KVM_CPUID_FEATURES, 'eax', KVM_FEATURE_ASYNC_PF_INT));
    });
  });

  it('halts and resumes through the MP state of an in-kernel APIC', () => {
    withRealModeGuest(
      [0xf4],
      ({ vcpu }) => {
        assert.equal(vcpu.getMpState(), KVM_MP_STATE_RUNNABLE);
        vcpu.setMpState(KVM_MP_STATE_HALTED);
        assert.equal(vcpu.getMpState(), KVM_MP_STATE_HALTED);
      },
      { prepareVm: (vm) => vm.enableSplitIrqchip() },
    );
  });

  it('walks the guest page tables', () => {
    withUserModeGuest([0x90], ({ vcpu }) => {
      const { gpa: at, valid } = vcpu.translate(gva(CODE_GPA + 5));
      assert.deepEqual([at, valid], [BigInt(CODE_GPA + 5), true]);
      assert.equal(vcpu.translate(gva(1n << 40n)).valid, false);
    });
  });

  it('says which vCPU it was when something is refused', () => {
    withRealModeGuest([0xf4], ({ vcpu }) => {
      assert.throws(() => vcpu.enableCap(ABSENT_CAPABILITY), { name: 'FaultLabError', code: 'KVM_EINVAL', syscall: 'KVM_ENABLE_CAP', message: /enable capability 100000 \(vCPU 0\)/ });
    });
  });

  it('is dead after close, and closing it twice is harmless', () => {
    withRealModeGuest([0xf4], ({ vcpu }) => {
      vcpu.close();
      vcpu.close();
      assert.ok(vcpu.closed);
      assert.throws(() => vcpu.getRegs(), { code: 'HANDLE_CLOSED' });
      assert.throws(() => vcpu.exit.exitReason, TypeError);
    });
  });
});
