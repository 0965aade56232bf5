/** The history guest: two tasks, a kernel of one generation, and the two pages that the host can lose. */
import { GuestClock, type Kvm, type Vcpu, type Vm } from '../../kvm/index.js';
import type { NativeMapping, NativeUserfaultfd } from '../../native/index.js';
import { nativeAddon } from '../../native/index.js';
import { TinyGuest } from '../../probes/index.js';
import type {
  VcpuEventsView} from '../../uapi/index.js';
import {
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_WRITE,
  KVM_VCPUEVENT_VALID_NMI_PENDING,
  KVM_VCPUEVENT_VALID_SHADOW,
  MADV_DONTNEED,
  MSR_KVM_ASYNC_PF_ACK,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MISSING,
  VECTOR_PAGE_FAULT,
  VECTOR_VIRTUALIZATION,
  uffdFeatures,
} from '../../uapi/index.js';
import { retire } from '../guests/backings.js';
import type { AssembledCode } from '../machine-code/assembler.js';
import { clearLog, readRecords } from '../machine-code/event-log.js';
import type { Disturbance, GenerationId } from './generations.js';
import { assembleKernel, type HandlerLabel } from './guest-code.js';
import { EXCEPTION_TABLE, HANDLERS, LOG, PAGE, READY_VECTOR, TASK_A_CODE, TASK_B, TASK_B_CODE, VE_AREA } from './guest-memory.js';
import { namedRecords, type LogRecord } from './log.js';

const VECTOR_NMI = 2;
const VECTOR_UNDEFINED = 6;
const PAGES = 2;
const BYTES_OF_DATA = 0x100;
/** What the host's pages hold. */
export const PAGE_BYTE = 0x5a;

/** See the module's comment. */
export class HistoryGuest {
  private readonly contents = new Uint8Array(PAGE_SIZE).fill(PAGE_BYTE);
  private readonly fresh: VcpuEventsView;

  private constructor(
    private readonly guest: TinyGuest,
    private readonly code: AssembledCode,
    private readonly pages: NativeMapping,
    private readonly uffd: NativeUserfaultfd,
    readonly clock: GuestClock,
  ) {
    const { ram } = guest.memory;
    ram.bytes.set(code.bytes, HANDLERS);
    ram.bytes.set(TASK_B_CODE, TASK_B);
    guest.memory.setHandler(VECTOR_PAGE_FAULT, code.addressOf('pageFault'));
    guest.memory.setHandler(VECTOR_NMI, code.addressOf('nmi'));
    guest.memory.setHandler(VECTOR_UNDEFINED, code.addressOf('undefined'));
    this.fresh = guest.vcpu.getEvents();
    // What an earlier run left half way: an NMI in service, a shadow.
    this.fresh.setNumber('flags', KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW);
  }

  /**
   * Makes a guest, hands it to `body`, takes it apart.
   * @throws FaultLabError where KVM or userfaultfd refuses something
   */
  static async with<T>(kvm: Kvm, generation: GenerationId, disturbance: Disturbance, body: (guest: HistoryGuest) => T | Promise<T>): Promise<T> {
    const { Mapping, Userfaultfd } = nativeAddon();
    const uffd = new Userfaultfd(uffdFeatures.SIGBUS);
    const pages = Mapping.anonymous(PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE);
    try {
      uffd.register(pages, 0, PAGES * PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
      const code = assembleKernel(generation, disturbance);
      return await TinyGuest.with(kvm, { cpl: 3, code: TASK_A_CODE, registers: { rbx: PAGE }, interrupts: true, page: pages, prepareVm: filterAck }, (tiny) => {
        const guest = new HistoryGuest(tiny, code, pages, uffd, GuestClock.of(tiny.vcpu));
        if (generation === 've') tiny.memory.setHandler(VECTOR_VIRTUALIZATION, code.addressOf('virtualization'));
        if (generation !== 'apf-2010') tiny.memory.setHandler(READY_VECTOR, code.addressOf('ready'));
        return body(guest);
      });
    } finally {
      uffd.close();
      retire(pages);
    }
  }

  /** The vCPU. */
  get vcpu(): Vcpu {
    return this.guest.vcpu;
  }

  /** Address of a handler. */
  addressOf(label: HandlerLabel): number {
    return this.code.addressOf(label);
  }

  /** Puts task A in front of its access, both pages lost, nothing noted. */
  restart(): void {
    const { bytes, data } = this.guest.memory.ram;
    bytes.fill(0, VE_AREA, VE_AREA + BYTES_OF_DATA);
    clearLog(data, LOG);
    data.setBigUint64(EXCEPTION_TABLE.instruction, BigInt(this.code.addressOf('nmiAccess')), true);
    data.setBigUint64(EXCEPTION_TABLE.fixup, BigInt(this.code.addressOf('nmiFixup')), true);
    this.pages.advise(0, PAGES * PAGE_SIZE, MADV_DONTNEED);
    this.guest.restart();
    this.vcpu.setEvents(this.fresh);
  }

  /** The host gets a page back: from now on the guest can have it. */
  fill(gpa: number): void {
    this.uffd.copy(this.pages, gpa - PAGE, this.contents, 0);
  }

  /** Reads a word that guest and host share. */
  read32(gpa: number): number {
    return this.guest.memory.ram.data.getUint32(gpa, true);
  }
  /** Writes a word that guest and host share. */
  write32(gpa: number, value: number): void {
    this.guest.memory.ram.data.setUint32(gpa, value, true);
  }
  /** Writes 8 bytes that guest and host share. */
  write64(gpa: number, value: number): void {
    this.guest.memory.ram.data.setBigUint64(gpa, BigInt(value), true);
  }

  /** What the guest's handlers noted since {@link restart}. */
  log(): LogRecord[] {
    return namedRecords(readRecords(this.guest.memory.ram.data, LOG));
  }
}

/** The guest's acknowledgements come to the VMM, which is the host of the protocol. */
function filterAck(vm: Vm): void {
  vm.requireCapabilities(['X86_USER_SPACE_MSR', 'X86_MSR_FILTER']);
  vm.enableCap('X86_USER_SPACE_MSR', 0, [BigInt(KVM_MSR_EXIT_REASON_FILTER)]);
  vm.setMsrFilter(KVM_MSR_FILTER_DEFAULT_ALLOW, [{ flags: KVM_MSR_FILTER_WRITE, base: MSR_KVM_ASYNC_PF_ACK, count: 1, bitmap: Uint8Array.of(0) }]);
}
