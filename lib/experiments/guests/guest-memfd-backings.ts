/** guest_memfd behind one page of a guest: its page punched out, not to be had, poisoned. */
import { FaultLabError } from '../../errors/index.js';
import type { GuestMemfd, Vm } from '../../kvm/index.js';
import type { TinyGuest } from '../../probes/index.js';
import { GUEST_MEMFD_FLAG_INIT_SHARED, GUEST_MEMFD_FLAG_MMAP, KVM_MEMORY_ATTRIBUTE_PRIVATE, KVM_X86_DEFAULT_VM, KVM_X86_SW_PROTECTED_VM, PAGE_SIZE } from '../../uapi/index.js';
import { CONTENTS, type Backing, type BackingMemory } from './backings.js';
import { poisonGuestMemfd } from './real-poison.js';

const MAPPABLE = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;

function requirePrivate(vm: Vm): void {
  if ((vm.checkExtension('MEMORY_ATTRIBUTES') & KVM_MEMORY_ATTRIBUTE_PRIVATE) === 0) throw new FaultLabError('NO_SUCH_MEMORY', 'this KVM has no private memory (KVM_CAP_MEMORY_ATTRIBUTES)');
}

/** mov byte [rbx],CONTENTS; ud2, which at CPL0 is a trap like any other. */
const FILL = [0xc6, 0x03, CONTENTS, 0x0f, 0x0b];

/** Has the guest fill its page, which nobody else can, and puts it back before its own code. */
function takePage(guest: TinyGuest): void {
  const { bytes } = guest.memory.ram;
  const at = guest.vcpu.getRegs().number('rip');
  const code = bytes.slice(at, at + FILL.length);
  bytes.set(FILL, at);
  guest.run();
  bytes.set(code, at);
  guest.restart();
}

const privatePage = (fail: (memfd: GuestMemfd, guest: TinyGuest) => void): Pick<Backing, 'vmTypes' | 'make'> => ({
  vmTypes: [KVM_X86_SW_PROTECTED_VM],
  make: (vm) => {
    requirePrivate(vm);
    const guestMemfd = vm.createGuestMemfd(PAGE_SIZE);
    return {
      mapping: null,
      guestMemfd,
      handles: [guestMemfd.file],
      fail: (guest) => {
        guest.pageSlot?.setPrivate(true);
        fail(guestMemfd, guest);
      },
    };
  },
});

/** See the module's comment. */
export const GUEST_MEMFDS: readonly Backing[] = [
  {
    id: 'memfd-hole',
    title: 'guest_memfd that the host maps, a hole punched',
    replaces: true,
    make: (vm: Vm): BackingMemory => {
      if ((vm.checkExtension('GUEST_MEMFD_FLAGS') & MAPPABLE) !== MAPPABLE) throw new FaultLabError('NO_SUCH_MEMORY', 'guest_memfd cannot be mapped here (KVM_CAP_GUEST_MEMFD_FLAGS)');
      const guestMemfd = vm.createGuestMemfd(PAGE_SIZE, MAPPABLE);
      const mapping = guestMemfd.map();
      mapping.write(0, Uint8Array.of(CONTENTS));
      return {
        mapping,
        guestMemfd,
        handles: [guestMemfd.file],
        fail: () => { guestMemfd.punchHole(0, PAGE_SIZE); },
      };
    },
  },
  {
    id: 'memfd-shared',
    title: 'guest_memfd that nobody maps, its page not private',
    vmTypes: [KVM_X86_SW_PROTECTED_VM, KVM_X86_DEFAULT_VM],
    make: (vm: Vm): BackingMemory => {
      const guestMemfd = vm.createGuestMemfd(PAGE_SIZE);
      return { mapping: null, guestMemfd, handles: [guestMemfd.file] };
    },
  },
  {
    id: 'memfd-private-hole',
    title: 'private guest_memfd, a hole punched',
    replaces: true,
    ...privatePage((memfd, guest) => {
      takePage(guest);
      memfd.punchHole(0, PAGE_SIZE);
    }),
  },
  {
    id: 'memfd-poison',
    title: 'private guest_memfd, poison by the hardware',
    ...privatePage((memfd, guest) => { poisonGuestMemfd(memfd, () => { takePage(guest); }); }),
  },
];
