import assert from 'node:assert/strict';
import { release } from 'node:os';
import { EFAULT } from '../../lib/errors/index.js';
import { PROT_NONE, PROT_READ, PROT_WRITE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { setRealModeDataSegment, withRealModeGuest, withUserModeGuest } from './guests.js';

const PAGE = 4096;
const DENIED_GPA = 0x20000;
const PAGE_DIRECTORY_GPA = 0x3000;
/** No memory there: a store to it shows that the guest went on. */
const MMIO_GPA = 0x80_0000n;
const SHOW = [0x88, 0x04, 0x25, 0x00, 0x00, 0x80, 0x00]; // mov %al, 0x800000

interface Access {
  readonly what: string;
  readonly code: readonly number[];
  readonly deniedGpa: number;
  /** Code beyond the first page. */
  readonly elsewhere?: { readonly gpa: number; readonly code: readonly number[] };
}

const ACCESSES: readonly Access[] = [
  { what: 'a load', code: [0x8a, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00, ...SHOW], deniedGpa: DENIED_GPA }, // mov 0x20000, %al
  { what: 'a store', code: [0x88, 0x04, 0x25, 0x08, 0x00, 0x02, 0x00, ...SHOW], deniedGpa: DENIED_GPA }, // mov %al, 0x20008
  { what: 'a read-modify-write', code: [0xfe, 0x04, 0x25, 0xff, 0x0f, 0x02, 0x00, ...SHOW], deniedGpa: DENIED_GPA }, // incb 0x20fff
  { what: 'the second page of a load', code: [0x8b, 0x04, 0x25, 0xfe, 0x0f, 0x02, 0x00, ...SHOW], deniedGpa: DENIED_GPA + PAGE }, // mov 0x20ffe, %eax
  { what: 'an instruction fetch', code: [0xb8, 0x00, 0x00, 0x02, 0x00, 0xff, 0xe0], deniedGpa: DENIED_GPA, elsewhere: { gpa: DENIED_GPA, code: SHOW } }, // mov $0x20000, %eax; jmp *%rax
  { what: 'a walk of the guest\'s page tables', code: SHOW, deniedGpa: PAGE_DIRECTORY_GPA },
];

/** scripts/lab/kernel/patches: KVM fills the exit when the host has no page for an access. */
describe('the memory-fault exit of the lab\'s own kernel', () => {
  before(function () {
    if (!release().includes('-faultlab')) skip(this, 'this kernel gives no address for memory that the host denies', { hostCannot: true });
    requireKvm(this);
  });

  for (const { what, code, deniedGpa, elsewhere } of ACCESSES) {
    it(`names the page of ${what}, each time anew, and the guest goes on once it is there`, () => {
      withUserModeGuest(code, ({ memory, runToExit }) => {
        if (elsewhere !== undefined) memory.write(elsewhere.gpa, Uint8Array.from(elsewhere.code));
        memory.protect(deniedGpa, PAGE, PROT_NONE);
        for (let attempt = 0; attempt < 3; attempt++) {
          assert.deepEqual(runToExit(), { kind: 'memoryFault', errno: EFAULT, flags: 0n, isPrivate: false, gpa: BigInt(deniedGpa), sizeBytes: PAGE });
        }
        memory.protect(deniedGpa, PAGE, PROT_READ | PROT_WRITE);
        const exit = runToExit();
        assert.equal(exit.kind, 'mmio');
        assert.equal(exit.gpa, MMIO_GPA);
      });
    });
  }

  it('is not there for KVM\'s emulator, to which denied memory is a device', () => {
    // mov $0x10, %dx; outsb
    withRealModeGuest([0xba, 0x10, 0x00, 0x6e], (guest) => {
      setRealModeDataSegment(guest, DENIED_GPA);
      guest.memory.protect(DENIED_GPA, PAGE, PROT_NONE);
      const exit = guest.runToExit();
      assert.equal(exit.kind, 'mmio');
      assert.equal(exit.gpa, BigInt(DENIED_GPA));
    });
  });
});
