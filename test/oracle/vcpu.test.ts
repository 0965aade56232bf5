import assert from 'node:assert/strict';
import type { NativeKvm, NativeVcpu, NativeVm } from '../../lib/native/addon.js';
import { addon } from './addon.js';
import { request } from './ioctl-number.js';
import { ioctl } from './libc.js';
import { OracleFiles, needKvm, read, readList } from './oracle-kvm.js';

const REGS_BYTES = 144;
const SREGS_BYTES = 312;
const EVENTS_BYTES = 64;
const RFLAGS_OFFSET = 136;

describe('a vCPU through the addon and through libc', () => {
  const files = new OracleFiles();
  let kvm: NativeKvm;
  let vm: NativeVm;
  let vcpu: NativeVcpu;
  /** A vCPU of the oracle's own, in a VM of its own. */
  let twin: number;

  before(function () {
    needKvm(this);
  });

  beforeEach(() => {
    kvm = new addon.Kvm();
    vm = kvm.createVm(0);
    vcpu = vm.createVcpu(0);
    twin = files.vcpu(files.vm(files.kvm()), 0);
  });

  afterEach(() => {
    vcpu.close();
    vm.close();
    kvm.close();
    files.closeAll();
  });

  const fresh: readonly [string, number, (into: Uint8Array) => void][] = [
    ['KVM_GET_REGS', REGS_BYTES, (into) => vcpu.getRegs(into)],
    ['KVM_GET_SREGS', SREGS_BYTES, (into) => vcpu.getSregs(into)],
    ['KVM_GET_VCPU_EVENTS', EVENTS_BYTES, (into) => vcpu.getVcpuEvents(into)],
  ];
  for (const [name, sizeBytes, get] of fresh) {
    it(`${name} of a fresh one gives the same bytes`, () => {
      const ours = Buffer.alloc(sizeBytes);
      get(ours);
      assert.equal(ours.toString('hex'), read(twin, name, sizeBytes).toString('hex'));
    });
  }

  it('registers set by the addon are read by libc, byte for byte', () => {
    const bytes = Buffer.alloc(REGS_BYTES, 0).map((_, index) => (index * 7 + 1) & 0xff);
    bytes.fill(0, RFLAGS_OFFSET);
    bytes[RFLAGS_OFFSET] = 2;
    vcpu.setRegs(bytes);
    assert.deepEqual(read(vcpu.fd, 'KVM_GET_REGS', REGS_BYTES), Buffer.from(bytes));
  });

  it('registers set by libc are read by the addon, byte for byte', () => {
    const bytes = Buffer.alloc(REGS_BYTES, 0).map((_, index) => (index * 5 + 3) & 0xff);
    bytes.fill(0, RFLAGS_OFFSET);
    bytes[RFLAGS_OFFSET] = 2;
    assert.equal(ioctl(vcpu.fd, request('KVM_SET_REGS'), Buffer.from(bytes)).errno, 0);
    const ours = Buffer.alloc(REGS_BYTES);
    vcpu.getRegs(ours);
    assert.deepEqual(ours, Buffer.from(bytes));
  });

  it('CPUID set by the addon is read by libc', () => {
    const entries = kvm.supportedCpuid();
    vcpu.setCpuid2(entries);
    const theirs = readList(vcpu.fd, 'KVM_GET_CPUID2', 8, 40);
    assert.equal(Buffer.from(vcpu.getCpuid2()).toString('hex'), theirs.toString('hex'));
    assert.equal(theirs.byteLength, entries.byteLength);
  });

  it('an MSR set by the addon is read by libc, and the other way round', () => {
    const MSR_KERNEL_GS_BASE = 0xc0000102;
    const list = Buffer.alloc(24);
    list.writeUInt32LE(1);
    list.writeUInt32LE(MSR_KERNEL_GS_BASE, 8);
    vcpu.setMsr(MSR_KERNEL_GS_BASE, 0x123456789abcn);
    assert.equal(ioctl(vcpu.fd, request('KVM_GET_MSRS'), list).value, 1);
    assert.equal(list.readBigUInt64LE(16), 0x123456789abcn);
    list.writeBigUInt64LE(0x7654321n, 16);
    assert.equal(ioctl(vcpu.fd, request('KVM_SET_MSRS'), list).value, 1);
    assert.equal(vcpu.getMsr(MSR_KERNEL_GS_BASE), 0x7654321n);
  });

  it('the TSC frequency is the same', () => {
    assert.equal(vcpu.tscKhz(), ioctl(vcpu.fd, request('KVM_GET_TSC_KHZ')).value);
  });
});
