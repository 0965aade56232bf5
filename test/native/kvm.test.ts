import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import type { NativeKvm } from '../../lib/native/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { closeIfOpened } from './support/close.js';
import { throwsCode } from './support/coded.js';
import { KVM_CAP_USER_MEMORY } from './support/constants.js';

const { Kvm, ioctls } = nativeAddon();

describe('native Kvm', () => {
  it('a device that is not there throws KVM_ENOENT and says what to do', () => {
    const error = throwsCode('KVM_ENOENT', () => new Kvm('/dev/kvm-is-not-here'));
    assert.equal(error.errno, 2);
    assert.equal(error.syscall, 'open');
    assert.match(error.message, /\/dev\/kvm-is-not-here.*kvm_intel or kvm_amd/);
  });

  it('a file that is not KVM opens, and its first ioctl throws KVM_ENOTTY', () => {
    const notKvm = new Kvm('/dev/null');
    assert.equal(throwsCode('KVM_ENOTTY', () => notKvm.apiVersion()).syscall, 'KVM_GET_API_VERSION');
    throwsCode('KVM_ENOTTY', () => notKvm.checkExtension(KVM_CAP_USER_MEMORY));
    throwsCode('KVM_ENOTTY', () => notKvm.vcpuMmapSizeBytes());
    throwsCode('KVM_ENOTTY', () => notKvm.supportedCpuid());
    throwsCode('KVM_ENOTTY', () => notKvm.msrIndexList());
    throwsCode('KVM_ENOTTY', () => notKvm.createVm(0));
    notKvm.close();
  });

  describe('on /dev/kvm', () => {
    let kvm: NativeKvm;
    before(function () {
      requireKvm(this);
      kvm = new Kvm();
    });
    after(() => {
      closeIfOpened(kvm);
    });

    it('speaks API version 12', () => {
      assert.equal(kvm.apiVersion(), 12);
    });

    it('has user memory, and answers 0 for a capability nobody knows', () => {
      assert.equal(kvm.checkExtension(KVM_CAP_USER_MEMORY), 1);
      assert.equal(kvm.checkExtension(0xffffffff), 0);
    });

    it('maps at least struct kvm_run for a vCPU, in whole pages', () => {
      assert.ok(kvm.vcpuMmapSizeBytes() >= 4096);
      assert.equal(kvm.vcpuMmapSizeBytes() % 4096, 0);
    });

    it('supportedCpuid is whole entries, among them leaf 0 and the hypervisor leaf', () => {
      const entries = kvm.supportedCpuid();
      assert.ok(entries.length > 0);
      assert.equal(entries.length % 40, 0);
      const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
      const leaves = new Set(Array.from({ length: entries.length / 40 }, (_, i) => view.getUint32(i * 40, true)));
      assert.ok(leaves.has(0));
      assert.ok(leaves.has(0x40000000));
    });

    it('msrIndexList has the MSRs every KVM has', () => {
      const MSR_IA32_TSC = 0x10;
      const MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01;
      const list = kvm.msrIndexList();
      assert.ok(list.includes(MSR_IA32_TSC));
      assert.ok(list.includes(MSR_KVM_SYSTEM_TIME_NEW));
      assert.equal(new Set(list).size, list.length);
    });

    it('a VM type that does not exist throws KVM_EINVAL with the ioctl and the type', () => {
      const error = throwsCode('KVM_EINVAL', () => kvm.createVm(0xffffffff));
      assert.equal(error.syscall, 'KVM_CREATE_VM');
      assert.equal(error.errno, 22);
      assert.match(error.message, /4294967295/);
    });

    it('a raw ioctl gives what the method gives', () => {
      assert.equal(kvm.ioctl(ioctls['KVM_GET_API_VERSION']), kvm.apiVersion());
      assert.equal(kvm.ioctl(ioctls['KVM_CHECK_EXTENSION'], KVM_CAP_USER_MEMORY), 1);
      const argument = new Uint8Array(8 + 256 * 40);
      new DataView(argument.buffer).setUint32(0, 256, true);
      assert.equal(kvm.ioctl(ioctls['KVM_GET_SUPPORTED_CPUID'], argument), 0);
      const count = new DataView(argument.buffer).getUint32(0, true);
      assert.deepEqual(argument.slice(8, 8 + count * 40), kvm.supportedCpuid());
    });

    it('a raw ioctl the kernel does not know throws with its number', () => {
      const error = throwsCode('KVM_EINVAL', () => kvm.ioctl(0xaeff));
      assert.match(error.message, /0x000?0?aeff|0xaeff/);
    });
  });
});
