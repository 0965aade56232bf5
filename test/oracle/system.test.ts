import assert from 'node:assert/strict';
import { addon } from './addon.js';
import { request } from './ioctl-number.js';
import { ioctl, pinTo } from './libc.js';
import { OracleFiles, needKvm, readList } from './oracle-kvm.js';

const CAPABILITIES = Array.from({ length: 301 }, (_, capability) => capability);

describe('/dev/kvm through the addon and through libc', () => {
  const files = new OracleFiles();
  const affinity = addon.getAffinity();
  let kvm: InstanceType<typeof addon.Kvm>;
  let fd: number;

  before(function () {
    needKvm(this);
    // Some CPUID leaves hold the id of the CPU they were read on.
    assert.equal(pinTo(affinity[0] ?? 0).errno, 0);
  });

  beforeEach(() => {
    kvm = new addon.Kvm();
    fd = files.kvm();
  });

  afterEach(() => {
    kvm.close();
    files.closeAll();
  });

  after(() => {
    addon.setAffinity(affinity);
  });

  it('gives one API version', () => {
    assert.equal(kvm.apiVersion(), ioctl(fd, request('KVM_GET_API_VERSION')).value);
  });

  it('gives one answer for each of the capabilities 0 to 300 of the system', () => {
    const ours = CAPABILITIES.map((capability) => kvm.checkExtension(capability));
    assert.deepEqual(ours, CAPABILITIES.map((capability) => ioctl(fd, request('KVM_CHECK_EXTENSION'), capability).value));
    assert.ok(ours.some((value) => value > 1), 'no capability has a value');
  });

  it('gives one answer for each of the capabilities 0 to 300 of a VM', () => {
    const vm = kvm.createVm(0);
    const vmFd = files.vm(fd);
    assert.deepEqual(
      CAPABILITIES.map((capability) => vm.checkExtension(capability)),
      CAPABILITIES.map((capability) => ioctl(vmFd, request('KVM_CHECK_EXTENSION'), capability).value),
    );
    vm.close();
  });

  it('gives one size of the mapping of struct kvm_run', () => {
    assert.equal(kvm.vcpuMmapSizeBytes(), ioctl(fd, request('KVM_GET_VCPU_MMAP_SIZE')).value);
  });

  it('gives the same bytes of supported CPUID', () => {
    const ours = Buffer.from(kvm.supportedCpuid());
    assert.ok(ours.byteLength > 0 && ours.byteLength % 40 === 0);
    assert.equal(ours.toString('hex'), readList(fd, 'KVM_GET_SUPPORTED_CPUID', 8, 40).toString('hex'));
  });

  it('gives the same list of MSRs', () => {
    const bytes = readList(fd, 'KVM_GET_MSR_INDEX_LIST', 4, 4);
    const theirs = Array.from({ length: bytes.byteLength / 4 }, (_, index) => bytes.readUInt32LE(index * 4));
    assert.ok(theirs.length > 0);
    assert.deepEqual([...kvm.msrIndexList()], theirs);
  });
});
