import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { EHWPOISON, EINTR } from '../../lib/errors/index.js';
import { readHost, Vcpu, type VcpuExit } from '../../lib/kvm/index.js';
import { nativeAddon, type NativeUserfaultfd } from '../../lib/native/index.js';
import { MADV_DONTNEED, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING } from '../../lib/uapi/index.js';
import { CODE_GPA, setRealModeDataSegment, withRealModeGuest, withUserModeGuest, type Guest } from '../kvm/guests.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { requireUffdPoison } from './support.js';

const DATA_GPA = 0x20000;
/** mov %al, 0x800000: what was loaded leaves as MMIO. */
const SHOW_AL = [0x88, 0x04, 0x25, 0x00, 0x00, 0x80, 0x00];
const shown = (value: number): VcpuExit => ({ kind: 'mmio', gpa: 0x80_0000n as never, isWrite: true, data: Uint8Array.of(value) });

/** Poisons one page of the guest's memory, in this mapping alone; `body` may clear it again. */
function withPoison(guest: Guest, at: number, body: (clear: () => void) => void): void {
  const userfaultfd: NativeUserfaultfd = new (nativeAddon().Userfaultfd)(0n);
  try {
    userfaultfd.register(guest.memory, at, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
    guest.memory.advise(at, PAGE_SIZE, MADV_DONTNEED);
    assert.equal(userfaultfd.poison(guest.memory, at, PAGE_SIZE, 0), PAGE_SIZE);
    body(() => {
      guest.memory.advise(at, PAGE_SIZE, MADV_DONTNEED);
      assert.equal(userfaultfd.copy(guest.memory, at, new Uint8Array(PAGE_SIZE).fill(0x5c), 0), PAGE_SIZE);
    });
  } finally {
    userfaultfd.close();
  }
}

describe('a vCPU that meets poisoned memory', () => {
  before(function () {
    requireKvm(this);
    requireUffdPoison(this);
  });

  const failureAt = (guest: Guest, at: number): VcpuExit => ({ kind: 'memoryFailure', action: 'required', hva: (guest.memory.hva + BigInt(at)) as never, sizeBytes: PAGE_SIZE });

  for (const [access, code, shows] of [
    ['a load', [0x8a, 0x04, 0x25, 0x34, 0x02, 0x02, 0x00], 0x5c], // mov 0x20234, %al
    ['a store', [0x88, 0x04, 0x25, 0x34, 0x02, 0x02, 0x00], 0], // mov %al, 0x20234
    ['a read-modify-write', [0xf0, 0x0f, 0xc0, 0x04, 0x25, 0x34, 0x02, 0x02, 0x00], 0x5c], // lock xadd %al, 0x20234
    ['an access across pages', [0x8b, 0x04, 0x25, 0xfe, 0xff, 0x01, 0x00, 0xc1, 0xe8, 0x18], 0x5c], // mov 0x1fffe, %eax; shr $24, %eax
  ] as const) {
    it(`at CPL3, by ${access}: is told the page, at each entry again, and goes on once there is another`, () => {
      withUserModeGuest([...code, ...SHOW_AL], (guest) => {
        withPoison(guest, DATA_GPA, (clear) => {
          for (let entry = 0; entry < 3; entry++) {
            assert.deepEqual(guest.runToExit(), failureAt(guest, DATA_GPA));
            assert.equal(guest.vcpu.getRegs().number('rip'), CODE_GPA);
          }
          clear();
          assert.deepEqual(guest.runToExit(), shown(shows));
          assert.equal(guest.vcpu.memoryFailure(), null, 'an exit that is none shows the failure of an earlier one');
        });
      });
    });
  }

  it('at CPL3, by an instruction fetch: is told the page', () => {
    // jmp to DATA_GPA + 0x234
    withUserModeGuest([0xe9, ...rel32(CODE_GPA + 5, DATA_GPA + 0x234)], (guest) => {
      withPoison(guest, DATA_GPA, () => {
        assert.deepEqual(guest.runToExit(), failureAt(guest, DATA_GPA));
        assert.equal(guest.vcpu.getRegs().number('rip'), DATA_GPA + 0x234);
      });
    });
  });

  it('at CPL0: is told the page, or, where KVM emulates the access, that there is no memory', () => {
    withRealModeGuest([0xa0, 0x34, 0x02, 0xf4], (guest) => { // mov 0x234, %al; hlt
      setRealModeDataSegment(guest, DATA_GPA);
      withPoison(guest, DATA_GPA, (clear) => {
        const exit = guest.runToExit();
        if (readHost().kind === 'PVM') {
          assert.deepEqual(exit, { kind: 'mmio', gpa: BigInt(DATA_GPA + 0x234), isWrite: false, data: new Uint8Array(1) });
        } else {
          assert.deepEqual(exit, failureAt(guest, DATA_GPA));
          clear();
        }
        assert.deepEqual(guest.runToExit(), { kind: 'hlt' });
      });
    });
  });

  it('and is kicked at the same time: sees both', () => {
    withUserModeGuest([0x8a, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00, ...SHOW_AL], (guest) => {
      withPoison(guest, DATA_GPA, () => {
        const seen = new Set<number>();
        for (let i = 0; i < 100; i++) {
          if (i % 2 === 0) Vcpu.kick(guest.vcpu.share());
          seen.add(guest.vcpu.run());
        }
        assert.deepEqual([...seen].sort(), [-EHWPOISON, -EINTR].sort());
      });
    });
  });

  it('leaves the vCPUs of other threads alone', async () => {
    const worker = new Worker(new URL('./counting-worker.js', import.meta.url));
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const ended = once(worker, 'message') as Promise<[{ exits: number; failures: number }]>;
    worker.postMessage(flag);
    withUserModeGuest([0x8a, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00, ...SHOW_AL], (guest) => {
      withPoison(guest, DATA_GPA, () => {
        assert.notEqual(Atomics.wait(flag, 0, 0, patience(10_000)), 'timed-out', 'waited 10 s for the other vCPU to run');
        for (let i = 0; i < 2000; i++) assert.deepEqual(guest.runToExit(), failureAt(guest, DATA_GPA));
        Atomics.store(flag, 0, 2);
      });
    });
    const [{ exits, failures }] = await ended;
    assert(exits > 0, 'the other vCPU did not run');
    assert.equal(failures, 0);
  });
});

/** A jump's distance, from the byte behind it. */
function rel32(from: number, to: number): number[] {
  return [...new Uint8Array(Int32Array.of(to - from).buffer)];
}
