import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import type { NativeKvm, NativeMapping, NativeVm } from '../../lib/native/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { closeIfOpened } from './support/close.js';
import { throwsCode } from './support/coded.js';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  KVM_CAP_GUEST_MEMFD,
  KVM_CAP_SPLIT_IRQCHIP,
  KVM_CAP_USER_MEMORY,
  KVM_MEM_GUEST_MEMFD,
  PAGE,
  PROT_RW,
} from './support/constants.js';
import { mappingsOf } from './support/maps.js';

const { EventFd, File, Kvm, Mapping, Vm, ioctls } = nativeAddon();

/** Memory whose mappings can be counted by name. */
function namedMemory(name: string, sizeBytes: number): NativeMapping {
  const file = File.memfd(name, sizeBytes);
  const mapping = Mapping.ofFile(file, 0, sizeBytes, PROT_RW);
  file.close();
  return mapping;
}

describe('native Vm', () => {
  let kvm: NativeKvm;
  let vm: NativeVm;
  before(function () {
    requireKvm(this);
    kvm = new Kvm();
  });
  after(() => {
    closeIfOpened(kvm);
  });
  beforeEach(() => {
    vm = kvm.createVm(0);
  });
  afterEach(() => {
    closeIfOpened(vm);
  });

  it('answers for capabilities by itself', () => {
    assert.equal(vm.checkExtension(KVM_CAP_USER_MEMORY), 1);
    assert.equal(vm.checkExtension(0xffffffff), 0);
  });

  it('is the same VM through an adopted handle', () => {
    const other = Vm.adopt(vm.share());
    assert.equal(other.fd, vm.fd);
    const vcpu = vm.createVcpu(0);
    throwsCode('KVM_EEXIST', () => other.createVcpu(0));
    vm.close();
    assert.equal(other.checkExtension(KVM_CAP_USER_MEMORY), 1);
    vcpu.close();
    other.close();
  });

  it('a vCPU number beyond what KVM allows throws KVM_EINVAL with the number', () => {
    const error = throwsCode('KVM_EINVAL', () => vm.createVcpu(0xffffff));
    assert.equal(error.syscall, 'KVM_CREATE_VCPU');
    assert.match(error.message, /16777215/);
  });

  describe('memory slots', () => {
    it('two slots that overlap throw KVM_EEXIST', () => {
      const memory = Mapping.anonymous(2 * PAGE, PROT_RW);
      vm.setUserMemoryRegion(0, 0, 0n, 2 * PAGE, memory, 0);
      const error = throwsCode('KVM_EEXIST', () => { vm.setUserMemoryRegion(1, 0, BigInt(PAGE), PAGE, memory, PAGE); });
      assert.equal(error.syscall, 'KVM_SET_USER_MEMORY_REGION');
      memory.close();
    });

    it('a flag that KVM does not know throws KVM_EINVAL', () => {
      const memory = Mapping.anonymous(PAGE, PROT_RW);
      throwsCode('KVM_EINVAL', () => { vm.setUserMemoryRegion(0, 1 << 20, 0n, PAGE, memory, 0); });
      throwsCode('KVM_EINVAL', () => { vm.setUserMemoryRegion2({ slot: 0, flags: 2 ** 31, gpa: 0n, sizeBytes: PAGE, mapping: memory, offset: 0 }); });
      memory.close();
    });

    for (const set of ['setUserMemoryRegion', 'setUserMemoryRegion2'] as const) {
      const setSlot = (slot: number, sizeBytes: number, mapping: NativeMapping | null): void => {
        if (set === 'setUserMemoryRegion') vm.setUserMemoryRegion(slot, 0, 0n, sizeBytes, mapping, 0);
        else vm.setUserMemoryRegion2({ slot, flags: 0, gpa: 0n, sizeBytes, mapping, offset: 0 });
      };

      it(`${set}: memory of a slot stays mapped after its last handle, until the slot is deleted`, () => {
        const memory = namedMemory('slot-deleted', PAGE);
        setSlot(3, PAGE, memory);
        memory.close();
        assert.equal(mappingsOf('slot-deleted'), 1);
        setSlot(3, 0, null);
        assert.equal(mappingsOf('slot-deleted'), 0);
      });

      it(`${set}: memory of a slot stays mapped until the VM's last handle and last vCPU go`, () => {
        const memory = namedMemory('slot-kept', PAGE);
        setSlot(0, PAGE, memory);
        memory.close();
        const other = Vm.adopt(vm.share());
        const vcpu = vm.createVcpu(0);
        vm.close();
        other.close();
        assert.equal(mappingsOf('slot-kept'), 1, 'the vCPU could still run');
        vcpu.close();
        assert.equal(mappingsOf('slot-kept'), 0);
      });

      it(`${set}: a refused change keeps the memory the slot has`, () => {
        const memory = namedMemory('slot-refused', PAGE);
        const other = namedMemory('slot-other', PAGE);
        setSlot(0, PAGE, memory);
        memory.close();
        assert.throws(() => { setSlot(0, PAGE, other); }, { code: 'KVM_EINVAL' }, 'a slot keeps its address');
        other.close();
        assert.equal(mappingsOf('slot-refused'), 1);
        assert.equal(mappingsOf('slot-other'), 0);
      });
    }

    it('deleting a slot that does not exist throws KVM_EINVAL', () => {
      throwsCode('KVM_EINVAL', () => { vm.setUserMemoryRegion(7, 0, 0n, 0, null, 0); });
    });
  });

  describe('guest_memfd', () => {
    before(function () {
      const probe = kvm.createVm(0);
      const has = probe.checkExtension(KVM_CAP_GUEST_MEMFD) !== 0;
      probe.close();
      if (!has) skip(this, 'this KVM has no guest_memfd for its default VM type', { hostCannot: true });
    });

    it('is made, bound to a slot, kept by it, and takes holes', () => {
      const file = vm.createGuestMemfd(4 * PAGE, 0);
      assert.equal(file.sizeBytes(), 4 * PAGE);
      assert.equal(file.shrinkSealed, false);
      const memory = Mapping.anonymous(4 * PAGE, PROT_RW);
      vm.setUserMemoryRegion2({ slot: 0, flags: KVM_MEM_GUEST_MEMFD, gpa: 0n, sizeBytes: 4 * PAGE, mapping: memory, offset: 0, guestMemfd: file, guestMemfdOffset: 0 });
      file.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE);
      throwsCode('FILE_EINVAL', () => { file.ftruncate(PAGE); });
      const same = File.adopt(file.share());
      file.close();
      same.close();
      memory.close();
    });

    it('a size that is not whole pages is refused, and flags that KVM does not know throw', () => {
      throwsCode('BAD_ARGUMENT', () => vm.createGuestMemfd(PAGE + 1, 0));
      const error = throwsCode('KVM_EINVAL', () => vm.createGuestMemfd(PAGE, 2 ** 52));
      assert.equal(error.syscall, 'KVM_CREATE_GUEST_MEMFD');
      throwsCode('KVM_EINVAL', () => vm.createGuestMemfd(0, 0));
    });

    it('a slot flag without the descriptor throws', () => {
      const memory = Mapping.anonymous(PAGE, PROT_RW);
      assert.throws(() => {
        vm.setUserMemoryRegion2({ slot: 0, flags: KVM_MEM_GUEST_MEMFD, gpa: 0n, sizeBytes: PAGE, mapping: memory, offset: 0, guestMemfd: File.memfd('not a guest_memfd', PAGE) });
      }, { code: /^KVM_E/ });
      memory.close();
    });
  });

  describe('interrupts', () => {
    it('without an in-kernel irqchip MSI, irqfd and routes fail', () => {
      const event = new EventFd();
      assert.ok(vm.signalMsi(0xfee00000, 0, 0x41) < 0);
      assert.equal(throwsCode('KVM_EINVAL', () => { vm.irqfd(event, 24, 0); }).syscall, 'KVM_IRQFD');
      assert.equal(throwsCode('KVM_EINVAL', () => { vm.setMsiRoutes([{ gsi: 24, addressLow: 0xfee00000, addressHigh: 0, data: 0x41 }]); }).syscall, 'KVM_SET_GSI_ROUTING');
      event.close();
    });

    it('with a split irqchip MSI, routes and irqfd work, from the first vCPU on', function () {
      if (vm.checkExtension(KVM_CAP_SPLIT_IRQCHIP) === 0) skip(this, 'this KVM has no split irqchip', { hostCannot: true });
      vm.enableSplitIrqchip(24);
      throwsCode('KVM_EEXIST', () => { vm.enableSplitIrqchip(24); });
      const vcpu = vm.createVcpu(0);
      // 0: the LAPIC takes nothing while it is disabled; what matters is that the call is understood.
      assert.ok(vm.signalMsi(0xfee00000, 0, 0x41) >= 0);
      vm.setMsiRoutes([{ gsi: 24, addressLow: 0xfee00000, addressHigh: 0, data: 0x41 }]);
      const event = new EventFd();
      vm.irqfd(event, 24, 0);
      throwsCode('KVM_EBUSY', () => { vm.irqfd(event, 24, 0); });
      vm.irqfd(event, 24, 1);
      vm.setMsiRoutes([]);
      event.close();
      vcpu.close();
    });

    it('a split irqchip after the first vCPU throws', () => {
      const vcpu = vm.createVcpu(0);
      throwsCode('KVM_EEXIST', () => { vm.enableSplitIrqchip(24); });
      vcpu.close();
    });
  });

  it('enableCap of a capability that is not there throws KVM_EINVAL with its number', () => {
    const error = throwsCode('KVM_EINVAL', () => vm.enableCap(0xfffff, 0, [1n]));
    assert.equal(error.syscall, 'KVM_ENABLE_CAP');
    assert.match(error.message, /1048575/);
  });

  it('the identity map goes below the first vCPU only', () => {
    vm.setTssAddr(0xfffbd000);
    vm.setIdentityMapAddr(0xfffbc000n);
    const vcpu = vm.createVcpu(0);
    assert.equal(throwsCode('KVM_EINVAL', () => { vm.setIdentityMapAddr(0xfffbc000n); }).syscall, 'KVM_SET_IDENTITY_MAP_ADDR');
    vcpu.close();
  });

  it('a filter with flags that KVM does not know throws KVM_EINVAL', () => {
    assert.equal(throwsCode('KVM_EINVAL', () => { vm.setMsrFilter(1 << 30, []); }).syscall, 'KVM_X86_SET_MSR_FILTER');
    vm.setMsrFilter(0, []);
  });

  it('a raw ioctl on the VM gives what the method gives', () => {
    assert.equal(vm.ioctl(ioctls['KVM_CHECK_EXTENSION'], KVM_CAP_USER_MEMORY), 1);
    throwsCode('KVM_ENOTTY', () => vm.ioctl(0xaeff));
  });
});
