import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { VcpuExit } from '../../lib/kvm/index.js';
import { nativeAddon, type NativeMapping } from '../../lib/native/index.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, gpa, MADV_DONTNEED, MADV_HWPOISON, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../lib/uapi/index.js';
import { throwsCode } from '../native/support/coded.js';
import { withUserModeGuest, type Guest } from '../kvm/guests.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { preFault, requireMemoryFailure } from './support.js';

/** Behind a slot of its own: 4 pages, of which the second is lost. */
const BASE = 0x60_0000;
const BAD = PAGE_SIZE;
const SIZE_BYTES = 4 * PAGE_SIZE;
const CONTENTS = 0x5c;
// mov 0x601234, %al; mov %al, 0x800000; mov 0x602234, %al; mov %al, 0x800000
const LOAD_BAD = [0x8a, 0x04, 0x25, 0x34, 0x12, 0x60, 0x00];
const LOAD_NEXT = [0x8a, 0x04, 0x25, 0x34, 0x22, 0x60, 0x00];
const SHOW_AL = [0x88, 0x04, 0x25, 0x00, 0x00, 0x80, 0x00];
const shown = (value: number): VcpuExit => ({ kind: 'mmio', gpa: gpa(0x80_0000), isWrite: true, data: Uint8Array.of(value) });

/** Memory that can be poisoned, and what brings good memory back. */
interface Backing {
  readonly mapping: NativeMapping;
  renew(): void;
  close(): void;
}

function anonymous(): Backing {
  const mapping = nativeAddon().Mapping.anonymous(SIZE_BYTES, PROT_READ | PROT_WRITE);
  return {
    mapping,
    renew: () => { mapping.advise(BAD, PAGE_SIZE, MADV_DONTNEED); },
    close: () => { mapping.close(); },
  };
}

function memfd(): Backing {
  const { File, Mapping } = nativeAddon();
  const file = File.memfd('poisoned', SIZE_BYTES);
  const mapping = Mapping.ofFile(file, 0, SIZE_BYTES, PROT_READ | PROT_WRITE);
  return {
    mapping,
    renew: () => {
      // The page is lost to its file, and marked so in the mapping.
      file.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BAD, PAGE_SIZE);
      mapping.advise(BAD, PAGE_SIZE, MADV_DONTNEED);
    },
    close: () => {
      mapping.close();
      file.close();
    },
  };
}

describe('memory that the hardware lost', function () {
  before(function () {
    requireKvm(this);
    requireMemoryFailure(this);
  });

  for (const [name, make] of [['anonymous memory', anonymous], ['a memfd', memfd]] as const) {
    describe(name, () => {
      let backing: Backing;
      beforeEach(() => {
        backing = make();
        backing.mapping.write(0, new Uint8Array(SIZE_BYTES).fill(CONTENTS));
      });
      afterEach(() => {
        backing.close();
      });

      const withGuest = (code: readonly number[], body: (guest: Guest) => void): void => {
        withUserModeGuest(code, (guest) => {
          guest.vm.createMemorySlot({ slot: 1, gpa: gpa(BASE), sizeBytes: SIZE_BYTES, mapping: backing.mapping });
          body(guest);
        });
      };
      const failure = (): VcpuExit => ({ kind: 'memoryFailure', action: 'required', hva: (backing.mapping.hva + BigInt(BAD)) as never, sizeBytes: PAGE_SIZE });

      it('is told to the vCPU that accesses it, each time, and the page beside it is as good as before', () => {
        withGuest([...LOAD_BAD, ...SHOW_AL, ...LOAD_NEXT, ...SHOW_AL], (guest) => {
          backing.mapping.advise(BAD, PAGE_SIZE, MADV_HWPOISON);
          for (let entry = 0; entry < 3; entry++) assert.deepEqual(guest.runToExit(), failure());
          backing.renew();
          assert.deepEqual(guest.runToExit(), shown(0), 'new memory is zero');
          assert.deepEqual(guest.runToExit(), shown(CONTENTS));
        });
      });

      it('is told also when the guest had the page mapped', () => {
        withGuest([...LOAD_BAD, ...SHOW_AL, ...LOAD_BAD, ...SHOW_AL], (guest) => {
          assert.deepEqual(guest.runToExit(), shown(CONTENTS));
          backing.mapping.advise(BAD, PAGE_SIZE, MADV_HWPOISON);
          assert.deepEqual(guest.runToExit(), failure());
          backing.renew();
          assert.deepEqual(guest.runToExit(), shown(0));
        });
      });

      it('cannot be read or written by the VMM either, which is told poison from other faults', () => {
        backing.mapping.advise(BAD, PAGE_SIZE, MADV_HWPOISON);
        const all = new Uint8Array(SIZE_BYTES);
        assert.equal(throwsCode('MAPPING_POISONED', () => { backing.mapping.read(0, all); }).offset, BAD);
        assert.equal(all[BAD - 1], CONTENTS);
        assert.equal(throwsCode('MAPPING_POISONED', () => { backing.mapping.write(BAD + 17, Uint8Array.of(1)); }).offset, BAD);
        backing.renew();
        backing.mapping.write(BAD + 17, Uint8Array.of(1));
      });
    });
  }

  it('met by another ioctl than KVM_RUN is told by the next run', function () {
    const backing = anonymous();
    backing.mapping.write(0, new Uint8Array(SIZE_BYTES).fill(CONTENTS));
    withUserModeGuest([...LOAD_NEXT, ...SHOW_AL], ({ vm, vcpu, runToExit }) => {
      if (vm.checkExtension('PRE_FAULT_MEMORY') === 0) skip(this, 'KVM_CAP_PRE_FAULT_MEMORY is 0 here', { hostCannot: true });
      vm.createMemorySlot({ slot: 1, gpa: gpa(BASE), sizeBytes: SIZE_BYTES, mapping: backing.mapping });
      backing.mapping.advise(BAD, PAGE_SIZE, MADV_HWPOISON);
      assert.throws(() => preFault(vcpu, BASE + BAD), { code: 'KVM_EINTR' });
      assert.deepEqual(runToExit(), { kind: 'memoryFailure', action: 'required', hva: backing.mapping.hva + BigInt(BAD), sizeBytes: PAGE_SIZE });
      assert.deepEqual(runToExit(), shown(CONTENTS), 'the guest accesses another page only');
    });
    backing.close();
  });

  it('under a vCPU that runs in another thread is told to that thread', async () => {
    const backing = anonymous();
    // Not the zero page, which is nobody's to lose.
    backing.mapping.write(0, new Uint8Array(SIZE_BYTES).fill(CONTENTS));
    const worker = new Worker(new URL('./loading-worker.js', import.meta.url));
    try {
      const started = once(worker, 'message');
      worker.postMessage({ mapping: backing.mapping.share(), offset: BAD });
      await started;
      const told = once(worker, 'message') as Promise<[VcpuExit]>;
      backing.mapping.advise(BAD, PAGE_SIZE, MADV_HWPOISON);
      const [exit] = await told;
      assert.deepEqual(exit, { kind: 'memoryFailure', action: 'required', hva: backing.mapping.hva + BigInt(BAD), sizeBytes: PAGE_SIZE });
    } finally {
      await worker.terminate();
      backing.close();
    }
  });
});
