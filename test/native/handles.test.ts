import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import type { NativeHandle } from '../../lib/native/index.js';
import { kvmMissing } from '../support/kvm-available.js';
import { throwsCode } from './support/coded.js';
import { PAGE, PROT_RW } from './support/constants.js';

const addon = nativeAddon();

/** One open handle of every class this host can make, with what must be closed after it. */
function oneOfEach(): Record<string, NativeHandle> {
  const handles: Record<string, NativeHandle> = {
    File: addon.File.memfd('handles', PAGE),
    Mapping: addon.Mapping.anonymous(PAGE, PROT_RW),
    EventFd: new addon.EventFd(),
    Userfaultfd: new addon.Userfaultfd(0n),
  };
  if (kvmMissing() === undefined) {
    const kvm = new addon.Kvm();
    const vm = kvm.createVm(0);
    Object.assign(handles, { Kvm: kvm, Vm: vm, Vcpu: vm.createVcpu(0) });
  }
  return handles;
}

function closeAll(handles: Record<string, NativeHandle>): void {
  for (const handle of Object.values(handles)) handle.close();
}

/** Every method and getter of a class but close and closed. */
function members(handle: NativeHandle): { name: string; call: () => unknown }[] {
  const prototype = Object.getPrototypeOf(handle) as object;
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name]) => !['constructor', 'close', 'closed'].includes(name))
    .map(([name, descriptor]) => {
      const method = (descriptor.get ?? descriptor.value) as (this: unknown) => unknown;
      return { name, call: () => method.call(handle) };
    });
}

describe('native handles', () => {
  let handles: Record<string, NativeHandle>;
  beforeEach(() => {
    handles = oneOfEach();
  });
  afterEach(() => {
    closeAll(handles);
  });

  it('every method and getter of a closed handle throws HANDLE_CLOSED, before it looks at its arguments', () => {
    closeAll(handles);
    for (const [className, handle] of Object.entries(handles)) {
      const all = members(handle);
      assert.ok(all.length >= 2, `${className} has members`);
      for (const { name, call } of all) {
        const error = throwsCode('HANDLE_CLOSED', call);
        assert.match(error.message, new RegExp(className), `${className}.${name} says what is closed`);
      }
    }
  });

  it('closing twice is harmless and closes once', () => {
    const before = addon.liveHandles();
    for (const [className, handle] of Object.entries(handles)) {
      assert.equal(handle.closed, false);
      handle.close();
      handle.close();
      assert.equal(handle.closed, true);
      const name = className as keyof typeof before;
      assert.equal(addon.liveHandles()[name], before[name] - 1, className);
    }
  });

  it('a method taken from one class does not run on a handle of another', () => {
    for (const [className, handle] of Object.entries(handles)) {
      for (const [otherName, other] of Object.entries(handles)) {
        if (otherName === className) continue;
        const prototype = Object.getPrototypeOf(other) as object;
        for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
          if (name === 'constructor') continue;
          const method = (descriptor.get ?? descriptor.value) as (this: unknown) => unknown;
          assert.throws(() => method.call(handle), `${otherName}.prototype.${name} on a ${className}`);
        }
      }
    }
  });

  it('a method or getter does not run on a plain object, a Proxy, or an object that inherits from a handle', () => {
    for (const handle of Object.values(handles)) {
      const prototype = Object.getPrototypeOf(handle) as object;
      for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
        if (name === 'constructor') continue;
        const method = (descriptor.get ?? descriptor.value) as (this: unknown) => unknown;
        for (const receiver of [{}, null, 1, new Proxy(handle, {}), Object.create(handle) as object]) {
          assert.throws(() => method.call(receiver), name);
        }
      }
    }
  });

  it('a handle argument must be a handle of the right class and open', () => {
    const { mapping, file, uffd } = { mapping: addon.Mapping.anonymous(PAGE, PROT_RW), file: addon.File.memfd('a', PAGE), uffd: new addon.Userfaultfd(0n) };
    const wrong: unknown[] = [file, uffd, {}, null, undefined, 1, 'Mapping', new Proxy(mapping, {}), Object.create(mapping)];
    for (const value of wrong) throwsCode('BAD_ARGUMENT', () => uffd.register(value as never, 0, PAGE, 1));
    for (const value of [mapping, uffd, {}, null, undefined]) throwsCode('BAD_ARGUMENT', () => addon.Mapping.ofFile(value as never, 0, PAGE, PROT_RW));
    mapping.close();
    throwsCode('HANDLE_CLOSED', () => uffd.register(mapping, 0, PAGE, 1));
    file.close();
    throwsCode('HANDLE_CLOSED', () => addon.Mapping.ofFile(file, 0, PAGE, PROT_RW));
    uffd.close();
  });

  it('a class without a public constructor says who makes its objects', () => {
    for (const name of ['Vm', 'Vcpu', 'File', 'Mapping'] as const) {
      const Class = addon[name] as unknown as new (...values: unknown[]) => unknown;
      assert.match(throwsCode('BAD_ARGUMENT', () => new Class()).message, /no public constructor/);
      throwsCode('BAD_ARGUMENT', () => new Class(handles['File'], 1n, {}));
    }
  });

  it('a class is not callable without new', () => {
    for (const name of ['Kvm', 'EventFd', 'Userfaultfd', 'File'] as const) {
      assert.throws(() => (addon[name] as unknown as () => unknown)(), TypeError);
    }
  });

  describe('share and adopt', () => {
    it('an adopted handle is another handle on the same object, which lives until the last is closed', () => {
      const first = addon.EventFd.adopt(handles['EventFd'].share());
      const share = first.share();
      assert.equal(share, handles['EventFd'].share());
      handles['EventFd'].close();
      first.signal(3);
      const second = addon.EventFd.adopt(share);
      assert.equal(second.fd, first.fd);
      first.close();
      assert.equal(second.wait(0), 3);
      second.close();
      throwsCode('BAD_SHARE', () => addon.EventFd.adopt(share));
    });

    it('a number that was never issued, or is of another class, throws BAD_SHARE', () => {
      const adopters = { Vm: addon.Vm, File: addon.File, Mapping: addon.Mapping, EventFd: addon.EventFd, Userfaultfd: addon.Userfaultfd };
      const foreign = new addon.EventFd();
      for (const [name, Class] of Object.entries(adopters)) {
        const numbers = [0, -1, 0.5, NaN, Infinity, -Infinity, 2 ** 53, 2 ** 64, 1e300, Number.MAX_SAFE_INTEGER];
        if (name !== 'EventFd') numbers.push(foreign.share());
        for (const share of numbers) throwsCode('BAD_SHARE', () => Class.adopt(share));
      }
      foreign.close();
    });

    it('anything but a number throws BAD_ARGUMENT', () => {
      for (const share of [undefined, null, '1', 1n, {}, [], Symbol('1'), handles['EventFd']]) {
        throwsCode('BAD_ARGUMENT', () => addon.EventFd.adopt(share as never));
      }
    });

    it('a number is not issued twice', () => {
      const seen = new Set<number>();
      for (let i = 0; i < 100; i++) {
        const event = new addon.EventFd();
        assert.equal(seen.has(event.share()), false);
        seen.add(event.share());
        event.close();
      }
    });

    it('a vCPU cannot be adopted: it belongs to its thread', () => {
      assert.equal('adopt' in addon.Vcpu, false);
      assert.equal('adopt' in addon.Kvm, false);
    });
  });

  it('a descriptor closes with the last handle and not before', () => {
    const file = addon.File.memfd('descriptor', PAGE);
    const path = `/proc/self/fd/${file.fd}`;
    const same = addon.File.adopt(file.share());
    file.close();
    const again = addon.File.open(path, 2);
    again.close();
    same.close();
    throwsCode('FILE_ENOENT', () => addon.File.open(path, 2));
  });
});
