import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { EHWPOISON } from '../../lib/errors/index.js';
import { INJECTOR, poisonGuestMemfd } from '../../lib/experiments/guests/real-poison.js';
import { GuestMemfd, Kvm, type MemorySlot, type VcpuExit } from '../../lib/kvm/index.js';
import { nativeAddon } from '../../lib/native/index.js';
import {
  GUEST_MEMFD_FLAG_INIT_SHARED,
  GUEST_MEMFD_FLAG_MMAP,
  gpa,
  KVM_MEMORY_ATTRIBUTE_PRIVATE,
  KVM_X86_SW_PROTECTED_VM,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../lib/uapi/index.js';
import { withUserModeGuest, type Guest } from '../kvm/guests.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { preFault, requireMemoryFailure } from './support.js';

const BASE = 0x60_0000;
const SIZE_BYTES = 4 * PAGE_SIZE;
const MMIO = [0x00, 0x00, 0x80, 0x00];
/** mov $value, %al; mov %al, at(page) */
const store = (page: number, value: number): number[] => [0xb0, value, 0x88, 0x04, 0x25, 0x34, (page << 4) | 2, 0x60, 0x00];
/** mov at(page), %al; mov %al, 0x800000 */
const show = (page: number): number[] => [0x8a, 0x04, 0x25, 0x34, (page << 4) | 2, 0x60, 0x00, 0x88, 0x04, 0x25, ...MMIO];
const SHOW_BYTES = show(0).length;
const shown = (value: number): VcpuExit => ({ kind: 'mmio', gpa: gpa(0x80_0000), isWrite: true, data: Uint8Array.of(value) });

/** Runs `body` with a guest whose slot at BASE has a guest_memfd behind it. */
function withGuestMemfd(
  options: { readonly vmType?: number; readonly flags?: number; readonly code: readonly number[]; readonly mapped?: boolean },
  body: (guest: Guest, memfd: GuestMemfd, slot: MemorySlot) => void,
): void {
  const { vmType, flags, code, mapped = false } = options;
  withUserModeGuest(
    code,
    (guest) => {
      const memfd = guest.vm.createGuestMemfd(SIZE_BYTES, flags);
      const mapping = mapped ? nativeAddon().Mapping.anonymous(SIZE_BYTES, PROT_READ | PROT_WRITE) : null;
      try {
        body(guest, memfd, guest.vm.createMemorySlot({ slot: 1, gpa: gpa(BASE), sizeBytes: SIZE_BYTES, mapping, guestMemfd: memfd }));
      } finally {
        memfd.close();
        mapping?.close();
      }
    },
    vmType === undefined ? {} : { vmType },
  );
}

/** Skips unless `kvm` makes VMs with private memory. */
function requireProtectedVm(context: Mocha.Context): void {
  const kvm = Kvm.open();
  const has = kvm.vmTypes().includes(KVM_X86_SW_PROTECTED_VM);
  kvm.close();
  if (!has) skip(context, 'this KVM has no KVM_X86_SW_PROTECTED_VM', { hostCannot: true });
}

describe('guest_memfd', () => {
  before(function () {
    requireKvm(this);
  });

  describe('that the host can map', () => {
    const FLAGS = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
    before(function () {
      const kvm = Kvm.open();
      const vm = kvm.createVm();
      const flags = vm.checkExtension('GUEST_MEMFD_FLAGS');
      vm.close();
      kvm.close();
      if ((flags & FLAGS) !== FLAGS) skip(this, 'KVM_CAP_GUEST_MEMFD_FLAGS has no MMAP and INIT_SHARED here', { hostCannot: true });
    });

    it('is one memory for guest and host, and zeroes again where a hole was punched', () => {
      withGuestMemfd({ flags: FLAGS, code: [...show(1), ...store(2, 0x77), ...show(1)] }, (guest, memfd) => {
        const mapping = memfd.map();
        mapping.write(PAGE_SIZE + 0x234, Uint8Array.of(0x5c));
        assert.deepEqual(guest.runToExit(), shown(0x5c));
        memfd.punchHole(PAGE_SIZE, PAGE_SIZE);
        assert.deepEqual(guest.runToExit(), shown(0));
        const byte = new Uint8Array(1);
        mapping.read(2 * PAGE_SIZE + 0x234, byte);
        assert.deepEqual(byte, Uint8Array.of(0x77));
        assert.equal(memfd.sizeBytes, SIZE_BYTES);
        mapping.close();
      });
    });

    it('is adopted by its number, and kept by its slot', () => {
      withGuestMemfd({ flags: FLAGS, code: show(0) }, (guest, memfd) => {
        const adopted = GuestMemfd.adopt(memfd.share());
        memfd.close();
        assert(memfd.closed);
        const mapping = adopted.map(0, PAGE_SIZE);
        mapping.write(0x234, Uint8Array.of(3));
        adopted.close();
        assert.deepEqual(guest.runToExit(), shown(3));
        mapping.close();
      });
    });

    it('without the flag for it cannot be mapped, and the error says so', () => {
      withGuestMemfd({ code: show(0) }, (_, memfd) => {
        assert.throws(() => memfd.map(), { code: 'MAPPING_ENODEV', message: /guest_memfd/ });
      });
    });
  });

  it('that this KVM does not make is refused with the call and what to ask', () => {
    withUserModeGuest([0xf4], ({ vm }) => {
      assert.throws(() => vm.createGuestMemfd(PAGE_SIZE, 2 ** 40), { code: 'KVM_EINVAL', syscall: 'KVM_CREATE_GUEST_MEMFD', message: /KVM_CAP_GUEST_MEMFD_FLAGS/ });
      if ((vm.checkExtension('MEMORY_ATTRIBUTES') & KVM_MEMORY_ATTRIBUTE_PRIVATE) !== 0) return;
      assert.throws(() => vm.setMemoryAttributes(gpa(0), PAGE_SIZE, KVM_MEMORY_ATTRIBUTE_PRIVATE), { syscall: 'KVM_SET_MEMORY_ATTRIBUTES', code: /^KVM_E(INVAL|NOTTY)$/ });
    });
  });

  it('a VM type that is not in the list is refused', () => {
    const kvm = Kvm.open();
    const types = kvm.vmTypes();
    assert(types.includes(0));
    assert.throws(() => kvm.createVm(31), { code: 'KVM_EINVAL', syscall: 'KVM_CREATE_VM' });
    for (const type of types.filter((number) => number <= KVM_X86_SW_PROTECTED_VM)) kvm.createVm(type).close();
    kvm.close();
  });

  describe('with private memory', () => {
    const vmType = KVM_X86_SW_PROTECTED_VM;
    before(function () {
      requireProtectedVm(this);
    });

    it('an access to private pages gets the memory of the guest alone, one to shared pages the mapping', () => {
      withGuestMemfd({ vmType, mapped: true, code: [...store(0, 1), ...store(1, 2), ...show(0), ...show(1), ...show(1)] }, (guest, memfd, slot) => {
        slot.setPrivate(true, PAGE_SIZE, PAGE_SIZE);
        assert.deepEqual(guest.runToExit(), shown(1));
        assert.deepEqual(guest.runToExit(), shown(2));
        const seen = new Uint8Array(2);
        slot.mapping?.read(0x234, seen.subarray(0, 1));
        slot.mapping?.read(PAGE_SIZE + 0x234, seen.subarray(1));
        assert.deepEqual(seen, Uint8Array.of(1, 0), 'the host sees what is shared, and only that');
        slot.setPrivate(false);
        assert.deepEqual(guest.runToExit(), shown(0));
        assert.throws(() => { slot.setPrivate(true, SIZE_BYTES); }, { code: 'BAD_ARGUMENT' });
        assert.equal(memfd.sizeBytes, SIZE_BYTES);
      });
    });

    it('without a mapping, shared pages fail and private ones do not', () => {
      withGuestMemfd({ vmType, code: [...store(0, 1), ...show(0)] }, (guest, _memfd, slot) => {
        const exit = guest.runToExit();
        if (exit.kind === 'memoryFault') assert.equal(exit.gpa, BigInt(BASE));
        else assert.deepEqual(exit, { kind: 'bareEfault' });
        slot.setPrivate(true);
        assert.deepEqual(guest.runToExit(), shown(1));
      });
    });
  });

  describe('that the hardware lost a page of', () => {
    const vmType = KVM_X86_SW_PROTECTED_VM;
    before(function () {
      requireMemoryFailure(this);
      requireProtectedVm(this);
      if (!existsSync(INJECTOR)) skip(this, 'this kernel has no hwpoison-inject in debugfs', { hostCannot: true });
    });

    it('is an exit with the gpa, without a signal and without becoming shorter; a punched hole brings zeroes, and the guest goes on', () => {
      const code = [...store(1, 0x5c), ...show(1), ...store(2, 0x66), ...show(2), ...show(1), ...show(2)];
      withGuestMemfd({ vmType, code }, (guest, memfd, slot) => {
        const { vcpu } = guest;
        slot.setPrivate(true);
        poisonGuestMemfd(memfd, () => {
          assert.deepEqual(guest.runToExit(), shown(0x5c));
        });
        assert.deepEqual(guest.runToExit(), shown(0x66));

        const poisoned = { kind: 'memoryFault', errno: EHWPOISON, flags: 8n, isPrivate: true, gpa: BigInt(BASE + PAGE_SIZE), sizeBytes: PAGE_SIZE };
        for (let entry = 0; entry < 3; entry++) {
          assert.deepEqual(guest.runToExit(), poisoned);
          assert.equal(vcpu.memoryFailure(), null, 'a signal came as well');
        }
        assert.throws(() => preFault(vcpu, BASE + PAGE_SIZE), { code: 'KVM_EHWPOISON', hint: /punch a hole/ });
        assert.equal(memfd.sizeBytes, SIZE_BYTES, 'zapped, not truncated');

        const regs = vcpu.getRegs();
        const rip = regs.number('rip');
        regs.setNumber('rip', rip + SHOW_BYTES);
        vcpu.setRegs(regs);
        assert.deepEqual(guest.runToExit(), shown(0x66), 'the page beside it');

        memfd.punchHole(PAGE_SIZE, PAGE_SIZE);
        regs.setNumber('rip', rip);
        vcpu.setRegs(regs);
        assert.deepEqual(guest.runToExit(), shown(0));
        assert.deepEqual(guest.runToExit(), shown(0x66));
      });
    });
  });
});
