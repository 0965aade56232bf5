import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import type { NativeKvm, NativeVcpu, NativeVm } from '../../lib/native/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { closeIfOpened } from './support/close.js';
import { throwsCode } from './support/coded.js';
import { PAGE, PROT_RW } from './support/constants.js';

const addon = nativeAddon();
const NOT_NUMBERS: readonly unknown[] = ['1', 1n, null, undefined, {}, [], true, NaN, Infinity, -Infinity, 0.5, 2 ** 53, Symbol('1'), { valueOf: () => 1 }];
const NOT_BIGINTS: readonly unknown[] = [1, '1', null, undefined, {}, -1n, 2n ** 64n, true];
const NOT_BYTES: readonly unknown[] = [null, undefined, {}, [], 'bytes', new ArrayBuffer(8), new Uint16Array(8), new Int8Array(8), new Uint8ClampedArray(8), new DataView(new ArrayBuffer(8))];

describe('native arguments', () => {
  it('numbers are whole, finite, safe and of type number', () => {
    const file = addon.File.memfd('arguments', PAGE);
    for (const value of [...NOT_NUMBERS, -1]) {
      throwsCode('BAD_ARGUMENT', () => file.ftruncate(value as never));
      throwsCode('BAD_ARGUMENT', () => addon.Mapping.anonymous(value as never, PROT_RW));
      if (value !== undefined) throwsCode('BAD_ARGUMENT', () => addon.Mapping.anonymous(PAGE, PROT_RW, value as never));
    }
    assert.equal(file.sizeBytes(), PAGE, 'no call reached the kernel');
    file.close();
  });

  it('64-bit values are BigInts that fit, without loss', () => {
    for (const value of NOT_BIGINTS) throwsCode('BAD_ARGUMENT', () => new addon.Userfaultfd(value as never));
  });

  it('buffers are Uint8Arrays and long enough', () => {
    const mapping = addon.Mapping.anonymous(PAGE, PROT_RW);
    const file = addon.File.memfd('buffers', PAGE);
    for (const value of NOT_BYTES) {
      throwsCode('BAD_ARGUMENT', () => { mapping.read(0, value as never); });
      throwsCode('BAD_ARGUMENT', () => { mapping.write(0, value as never); });
      throwsCode('BAD_ARGUMENT', () => file.pread(value as never, 0));
    }
    mapping.close();
    file.close();
  });

  it('an offset and a length that only fit after overflow are refused', () => {
    const mapping = addon.Mapping.anonymous(2 * PAGE, PROT_RW);
    const one = new Uint8Array(1);
    for (const offset of [2 * PAGE, 2 * PAGE + 1, Number.MAX_SAFE_INTEGER]) {
      throwsCode('BAD_ARGUMENT', () => { mapping.read(offset, one); });
      throwsCode('BAD_ARGUMENT', () => { mapping.write(offset, one); });
    }
    throwsCode('BAD_ARGUMENT', () => { mapping.read(PAGE, new Uint8Array(PAGE + 1)); });
    mapping.read(2 * PAGE - 1, one);
    mapping.read(2 * PAGE, new Uint8Array(0));
    const largest = Math.floor(Number.MAX_SAFE_INTEGER / PAGE) * PAGE;
    for (const [offset, length] of [[PAGE, 2 * PAGE], [largest, PAGE], [PAGE, largest], [largest, largest], [0, 0], [1, PAGE], [0, PAGE + 1]] as const) {
      throwsCode('BAD_ARGUMENT', () => { mapping.protect(offset, length, PROT_RW); });
      throwsCode('BAD_ARGUMENT', () => { mapping.advise(offset, length, 4); });
    }
    mapping.close();
  });

  it('waits take time-outs of 0 to 10 s only', () => {
    const event = new addon.EventFd();
    const uffd = new addon.Userfaultfd(0n);
    for (const timeoutNs of [-1, 10e9 + 1, Infinity, NaN, '1', 1n, null, undefined]) {
      throwsCode('BAD_ARGUMENT', () => event.wait(timeoutNs as never));
      throwsCode('BAD_ARGUMENT', () => uffd.read(new Uint8Array(32), timeoutNs as never));
    }
    event.close();
    uffd.close();
  });

  it('text has no NUL and is not endless', () => {
    throwsCode('BAD_ARGUMENT', () => addon.File.open('/dev/null\0/etc/passwd', 0));
    throwsCode('BAD_ARGUMENT', () => addon.File.open('x'.repeat(5000), 0));
    throwsCode('BAD_ARGUMENT', () => new addon.Kvm('/dev/kvm\0'));
    throwsCode('BAD_ARGUMENT', () => new addon.Kvm(1 as never));
  });

  it('mmap flags that would place a mapping or change its kind are refused', () => {
    for (const flags of [1, 2, 0x10, 0x20, 0x100, 0x100000]) throwsCode('BAD_ARGUMENT', () => addon.Mapping.anonymous(PAGE, PROT_RW, flags));
  });

  describe('of KVM', () => {
    let kvm: NativeKvm;
    let vm: NativeVm;
    let vcpu: NativeVcpu;
    before(function () {
      requireKvm(this);
      kvm = new addon.Kvm();
      vm = kvm.createVm(0);
      vcpu = vm.createVcpu(0);
    });
    after(() => {
      for (const handle of [vcpu, vm, kvm]) closeIfOpened(handle);
    });

    it('a register buffer that is one byte short is refused, and a longer one is filled only as far as the structure', () => {
      for (const [size, get, set] of [
        [144, vcpu.getRegs.bind(vcpu), vcpu.setRegs.bind(vcpu)],
        [312, vcpu.getSregs.bind(vcpu), vcpu.setSregs.bind(vcpu)],
        [64, vcpu.getVcpuEvents.bind(vcpu), vcpu.setVcpuEvents.bind(vcpu)],
      ] as const) {
        throwsCode('BAD_ARGUMENT', () => { get(new Uint8Array(size - 1)); });
        throwsCode('BAD_ARGUMENT', () => { set(new Uint8Array(size - 1)); });
        const long = new Uint8Array(size + 8).fill(0xa5);
        get(long);
        assert.deepEqual([...long.subarray(size)], Array<number>(8).fill(0xa5));
      }
    });

    it('a memory slot must lie within its mapping and be of whole pages', () => {
      const mapping = addon.Mapping.anonymous(4 * PAGE, PROT_RW);
      for (const [gpa, sizeBytes, offset] of [
        [0n, 5 * PAGE, 0],
        [0n, 4 * PAGE, PAGE],
        [0n, PAGE, 4 * PAGE],
        [0n, PAGE, Math.floor(Number.MAX_SAFE_INTEGER / PAGE) * PAGE],
        [0n, PAGE + 1, 0],
        [0n, PAGE, 1],
        [1n, PAGE, 0],
        [2n ** 64n - 4096n, 2 * PAGE, 0],
      ] as const) {
        throwsCode('BAD_ARGUMENT', () => { vm.setUserMemoryRegion(1, 0, gpa, sizeBytes, mapping, offset); });
        throwsCode('BAD_ARGUMENT', () => { vm.setUserMemoryRegion2({ slot: 1, flags: 0, gpa, sizeBytes, mapping, offset }); });
      }
      throwsCode('BAD_ARGUMENT', () => { vm.setUserMemoryRegion(1, 0, 0n, PAGE, null, 0); });
      mapping.close();
    });

    it('a userfault bitmap has a bit for every page', () => {
      const mapping = addon.Mapping.anonymous(PAGE, PROT_RW);
      const bitmap = addon.Mapping.anonymous(PAGE, PROT_RW);
      const huge = addon.Mapping.anonymous(PAGE * PAGE * 8 + PAGE, 0, 0x4000);
      const error = throwsCode('BAD_ARGUMENT', () => {
        vm.setUserMemoryRegion2({ slot: 1, flags: 0, gpa: 0n, sizeBytes: PAGE * PAGE * 8 + PAGE, mapping: huge, offset: 0, userfaultBitmap: bitmap });
      });
      assert.match(error.message, /4104 bytes/);
      for (const handle of [mapping, bitmap, huge]) handle.close();
    });

    it('a raw ioctl takes a buffer as long as the request says, never an address', () => {
      const getRegs = addon.ioctls['KVM_GET_REGS'];
      throwsCode('BAD_ARGUMENT', () => vcpu.ioctl(getRegs, new Uint8Array(143)));
      throwsCode('BAD_ARGUMENT', () => vcpu.ioctl(getRegs, 0x1000));
      throwsCode('BAD_ARGUMENT', () => vcpu.ioctl(getRegs));
      throwsCode('BAD_ARGUMENT', () => vcpu.ioctl(getRegs, [] as never));
      assert.equal(vcpu.ioctl(getRegs, new Uint8Array(144)), 0);
    });

    it('a raw ioctl cannot be KVM_RUN, which might never return', () => {
      throwsCode('BAD_ARGUMENT', () => vcpu.ioctl(addon.ioctls['KVM_RUN'], 0));
    });

    it('a getter of an argument that closes the handle does no harm', () => {
      const own = kvm.createVm(0);
      const mapping = addon.Mapping.anonymous(PAGE, PROT_RW);
      const region = {
        slot: 0,
        flags: 0,
        gpa: 0n,
        sizeBytes: PAGE,
        mapping,
        get offset() {
          own.close();
          return 0;
        },
      };
      own.setUserMemoryRegion2(region);
      assert.equal(own.closed, true);
      mapping.close();
    });

    it('a getter that throws, throws through', () => {
      const broken = { get slot(): number { throw new RangeError('from the getter'); } };
      assert.throws(() => { vm.setUserMemoryRegion2(broken as never); }, /from the getter/);
    });

    it('lists are arrays of bounded length with complete elements', () => {
      throwsCode('BAD_ARGUMENT', () => { vm.setMsiRoutes({} as never); });
      throwsCode('BAD_ARGUMENT', () => { vm.setMsiRoutes([{ gsi: 1 }] as never); });
      throwsCode('BAD_ARGUMENT', () => { vm.setMsiRoutes([null] as never); });
      throwsCode('BAD_ARGUMENT', () => { vm.setMsiRoutes(Array.from({ length: 4097 }, () => ({ gsi: 0, addressLow: 0, addressHigh: 0, data: 0 }))); });
      throwsCode('BAD_ARGUMENT', () => { vm.setMsrFilter(0, [{ flags: 1, base: 0, count: 9, bitmap: new Uint8Array(1) }]); });
      throwsCode('BAD_ARGUMENT', () => { vm.setMsrFilter(0, Array.from({ length: 17 }, () => ({ flags: 1, base: 0, count: 8, bitmap: new Uint8Array(1) }))); });
      throwsCode('BAD_ARGUMENT', () => vm.enableCap(1, 0, [1n, 2n, 3n, 4n, 5n]));
      throwsCode('BAD_ARGUMENT', () => vm.enableCap(1, 0, [1] as never));
      throwsCode('BAD_ARGUMENT', () => { vcpu.setCpuid2(new Uint8Array(41)); });
      throwsCode('BAD_ARGUMENT', () => { vcpu.setCpuid2(new Uint8Array(257 * 40)); });
    });
  });
});
