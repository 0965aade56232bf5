import assert from 'node:assert/strict';
import { errnoName } from '../../lib/errors/index.js';
import type { NativeKvm, NativeMapping, NativeVm } from '../../lib/native/addon.js';
import { addon } from './addon.js';
import { request } from './ioctl-number.js';
import { type CallResult, ioctl, mapAnonymous, open, unmap, userfaultfd } from './libc.js';
import { OracleFiles, needKvm } from './oracle-kvm.js';

const MIB = 1 << 20;
const PROT_READ_WRITE = 3;
const O_CLOEXEC_NONBLOCK = 0o2004000;

/** What the addon says in place of EINVAL where it sees by itself that an argument cannot be right. */
const BAD_ARGUMENT = 'BAD_ARGUMENT';

/** The error name that the addon's exception carries after its family (`KVM_EINVAL` gives `EINVAL`), or BAD_ARGUMENT. */
function thrownBy(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error, String(error));
    if (error.code === BAD_ARGUMENT) return BAD_ARGUMENT;
    assert.ok('errno' in error, String(error));
    assert.equal(errnoName(error.errno as number), (error.code as string).replace(/^[A-Z]+_/, ''));
    return errnoName(error.errno as number);
  }
  return 'no error';
}

const errnoOf = ({ errno }: CallResult): string => (errno === 0 ? 'no error' : errnoName(errno));

/** struct kvm_userspace_memory_region. */
function region(slot: number, flags: number, gpa: number, sizeBytes: number, hva: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(slot);
  bytes.writeUInt32LE(flags, 4);
  for (const [index, value] of [gpa, sizeBytes, hva].entries()) bytes.writeBigUInt64LE(BigInt(value), 8 + index * 8);
  return bytes;
}

describe('wrong calls fail alike through the addon and through libc', () => {
  const files = new OracleFiles();
  let kvm: NativeKvm;
  let vm: NativeVm;
  let mapping: NativeMapping;
  let kvmFd: number;
  let vmFd: number;
  let hva: number;

  before(function () {
    needKvm(this);
  });

  beforeEach(() => {
    kvm = new addon.Kvm();
    vm = kvm.createVm(0);
    mapping = addon.Mapping.anonymous(MIB, PROT_READ_WRITE);
    kvmFd = files.kvm();
    vmFd = files.vm(kvmFd);
    hva = mapAnonymous(MIB).value;
    assert.notEqual(hva, -1);
  });

  afterEach(() => {
    vm.close();
    kvm.close();
    mapping.close();
    files.closeAll();
    assert.equal(unmap(hva, MIB).errno, 0);
  });

  const alike = (ours: string, theirs: string, expected: string, expectedOfUs = expected): void => {
    assert.equal(theirs, expected, 'libc');
    assert.equal(ours, expectedOfUs, 'addon');
  };

  it('opening a device that is not there', () => {
    alike(thrownBy(() => new addon.Kvm('/dev/no-such-kvm')), errnoOf(open('/dev/no-such-kvm', 2)), 'ENOENT');
  });

  it('a VM type that does not exist', () => {
    const type = 0x7fff;
    alike(thrownBy(() => kvm.createVm(type)), errnoOf(ioctl(kvmFd, request('KVM_CREATE_VM'), type)), 'EINVAL');
  });

  it('a request that does not exist', () => {
    const unknown = 0xaeff;
    const theirs = errnoOf(ioctl(vmFd, unknown));
    assert.notEqual(theirs, 'no error');
    alike(thrownBy(() => vm.ioctl(unknown)), theirs, theirs);
  });

  it('a second vCPU with the same id', () => {
    const vcpu = vm.createVcpu(3);
    files.vcpu(vmFd, 3);
    alike(thrownBy(() => vm.createVcpu(3)), errnoOf(ioctl(vmFd, request('KVM_CREATE_VCPU'), 3)), 'EEXIST');
    vcpu.close();
  });

  it('a vCPU id beyond the limit', () => {
    const id = 1 << 20;
    alike(thrownBy(() => vm.createVcpu(id)), errnoOf(ioctl(vmFd, request('KVM_CREATE_VCPU'), id)), 'EINVAL');
  });

  it('a capability that cannot be enabled', () => {
    const capability = 9999;
    const bytes = Buffer.alloc(104);
    bytes.writeUInt32LE(capability);
    alike(thrownBy(() => vm.enableCap(capability)), errnoOf(ioctl(vmFd, request('KVM_ENABLE_CAP'), bytes)), 'EINVAL');
  });

  const regions: readonly (readonly [what: string, slot: number, flags: number, gpa: number, sizeBytes: number, expected: string, ofUs?: string])[] = [
    ['a slot at an unaligned gpa', 1, 0, 0x800, 0x1000, 'EINVAL', BAD_ARGUMENT],
    ['a slot of an unaligned size', 1, 0, 0x10000, 0x1800, 'EINVAL', BAD_ARGUMENT],
    ['a slot with unknown flags', 1, 0x8000, 0x10000, 0x1000, 'EINVAL'],
    ['a slot that overlaps another', 1, 0, 0x1000, 0x2000, 'EEXIST'],
    ['a slot number beyond the limit', 0xffff, 0, 0x10000, 0x1000, 'EINVAL'],
    ['growing a slot that exists', 0, 0, 0, 0x4000, 'EINVAL'],
    ['deleting a slot that does not exist', 5, 0, 0x10000, 0, 'EINVAL'],
    ['a slot whose end wraps around', 1, 0, 2 ** 52 * 4095, 0x1000, 'EINVAL'],
  ];
  for (const [what, slot, flags, gpa, sizeBytes, expected, expectedOfUs] of regions) {
    it(what, () => {
      vm.setUserMemoryRegion(0, 0, 0n, 0x2000, mapping, 0);
      assert.equal(ioctl(vmFd, request('KVM_SET_USER_MEMORY_REGION'), region(0, 0, 0, 0x2000, hva)).errno, 0);
      const theirs = ioctl(vmFd, request('KVM_SET_USER_MEMORY_REGION'), region(slot, flags, gpa, sizeBytes, hva));
      const ours = thrownBy(() => {
        vm.setUserMemoryRegion(slot, flags, BigInt(gpa), sizeBytes, sizeBytes === 0 ? null : mapping, 0);
      });
      alike(ours, errnoOf(theirs), expected, expectedOfUs);
    });
  }

  it('an MSI without an interrupt controller', () => {
    const theirs = errnoOf(ioctl(vmFd, request('KVM_SIGNAL_MSI'), Buffer.alloc(32)));
    const returned = vm.signalMsi(0, 0, 0);
    alike(returned < 0 ? errnoName(-returned) : 'no error', theirs, 'EINVAL');
  });

  it('userfaultfd with features that do not exist', () => {
    const made = userfaultfd(O_CLOEXEC_NONBLOCK);
    const bytes = Buffer.alloc(24);
    bytes.writeBigUInt64LE(0xaan);
    bytes.writeBigUInt64LE(1n << 60n, 8);
    const theirs = made.errno === 0 ? ioctl(files.keep(made, 'userfaultfd'), request('UFFDIO_API'), bytes) : made;
    alike(thrownBy(() => new addon.Userfaultfd(1n << 60n)), errnoOf(theirs), errnoOf(theirs));
    assert.notEqual(errnoOf(theirs), 'no error');
  });
});

describe('userfaultfd through the addon and through libc', () => {
  const files = new OracleFiles();
  after(() => {
    files.closeAll();
  });

  it('offers the same features', () => {
    const bytes = Buffer.alloc(24);
    bytes.writeBigUInt64LE(0xaan);
    const fd = files.keep(userfaultfd(O_CLOEXEC_NONBLOCK), 'userfaultfd');
    assert.equal(ioctl(fd, request('UFFDIO_API'), bytes).errno, 0);
    const ours = new addon.Userfaultfd(0n);
    assert.equal(ours.features, bytes.readBigUInt64LE(8));
    ours.close();
  });
});
