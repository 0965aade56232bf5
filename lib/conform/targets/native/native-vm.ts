/** A VM on the running kernel's own interface. */
import { msiTo, type Kvm, type VcpuExit, type Vm } from '../../../kvm/index.js';
import { nativeAddon, type NativeMapping } from '../../../native/index.js';
import { KVM_MEM_GUEST_MEMFD, MAP_NORESERVE, PAGE_SIZE, PROT_READ, PROT_WRITE, gpa, ioctls, kvmRunLayout, type StructLayout } from '../../../uapi/index.js';
import { kvmRunAsyncPfUserLayout, kvmUserspaceMemoryRegion2UserfaultLayout, type UapiProfile } from '../../../uapi/proposals/index.js';
import type { GuestStop, RunHooks } from '../../guest/index.js';
import { WINDOW_GPA, WINDOW_PAGES } from '../../guest/index.js';
import type { OtherThread } from '../../other-thread/index.js';
import type { CaseEventfd, ConformanceVcpu, ConformanceVm, GuestMemfdChange, HostPage, OtherThreadReady, SlotTrial, VmOptions } from '../../vm.js';
import { GuestVm, WINDOW_SLOT, windowGpa } from '../guest-vm.js';
import { errnoOf } from './errno-of.js';
import { AttributeBits, BitmapBits, type InterceptionBits } from './native-bitmap.js';
import { NativeCalls, asyncPfCall, encode, userReadyCall, userfaultReadyCall } from './native-calls.js';
import { NativeMemory } from './native-memory.js';

const TOKEN = kvmRunAsyncPfUserLayout.fields['memory_fault.async_pf_user_token'].offset;
const EXIT_REASON = kvmRunLayout.fields.exit_reason.offset;
/** A slot that is tried and deleted again, far from all others. */
const TRIAL_SLOT = 7;
const TRIAL_GPA = 0x1_0000_0000n;
const TRIAL_PAGES = 256;
const ASYNC_PF_USER_BIT = 1 << 5;

/** See the module's comment. */
export class NativeVm implements ConformanceVm {
  readonly vcpus: readonly ConformanceVcpu[];
  readonly spareBitmap: bigint;
  private readonly base: GuestVm;
  private readonly memory = new NativeMemory();
  private readonly trial: NativeMapping;
  private readonly interception: InterceptionBits;
  private readonly calls: NativeCalls[] = [];
  private readonly closers: (() => void)[] = [];

  /** @throws FaultLabError where KVM refuses something */
  constructor(
    private readonly kvm: Kvm,
    private readonly profile: UapiProfile,
    private readonly thread: OtherThread,
    { vcpus = 1, hltInGuest = false }: VmOptions,
  ) {
    this.base = new GuestVm(kvm, { vcpus, hltInGuest });
    const { vm } = this.base;
    this.trial = nativeAddon().Mapping.anonymous(TRIAL_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    this.spareBitmap = this.trial.hva;
    this.interception = profile.name === 'async-pf-user-2024' ? new AttributeBits(vm) : new BitmapBits(profile.name === 'sync-async-2bit' ? 2 : 1);
    if (profile.capabilities.length === 0) vm.createMemorySlot(GuestVm.window(this.memory.mapping));
    else this.region(WINDOW_SLOT, 0, BigInt(WINDOW_GPA), WINDOW_PAGES, this.memory.mapping, this.interception.hva);
    this.vcpus = this.base.vcpus.map((vcpu, index) => {
      const calls = new NativeCalls(vm, vcpu, (option) => this.capability(option), () => {
        guest.beginLoop();
        this.base.enableLapic(index);
      });
      this.calls.push(calls);
      const guest = this.base.guest(index, new NativeHooks(profile.name === 'async-pf-user-2024', (at) => new DataView(vcpu.native.runArea()).getUint32(at, true)));
      return { guest, user: calls };
    });
  }

  gpaOf(page: number): number {
    return windowGpa(page);
  }

  fill(page: number, value: number): void {
    this.memory.fill(page, value);
  }

  peek(page: number): number {
    return this.memory.peek(page);
  }

  setBits(page: number, bits: number): void {
    this.interception.set(page, bits);
  }

  bits(page: number): number {
    return this.interception.get(page);
  }

  hideBitmap(): void {
    this.interception.hide();
  }

  setFlags(flags: number, bitmap: bigint = this.interception.hva): number {
    return errnoOf(() => {
      this.region(WINDOW_SLOT, flags, BigInt(WINDOW_GPA), WINDOW_PAGES, this.memory.mapping, bitmap);
    });
  }

  trySlot({ flags, pages, bitmap }: SlotTrial): number {
    const errno = errnoOf(() => {
      this.region(TRIAL_SLOT, flags, TRIAL_GPA, pages, this.trial, bitmap);
    });
    if (errno === 0) this.region(TRIAL_SLOT, 0, TRIAL_GPA, 0, this.trial, 0n);
    return errno;
  }

  tryGuestMemfd({ flags, gpaDelta }: GuestMemfdChange): number {
    const vm = this.kvm.createVm(guestMemfdVmType(this.kvm));
    const memfd = vm.createGuestMemfd(TRIAL_PAGES * PAGE_SIZE);
    const set = (more: number, at: bigint): void => {
      setRegion(vm, TRIAL_SLOT, KVM_MEM_GUEST_MEMFD | more, at, TRIAL_PAGES, this.trial, this.interception.hva, memfd.file.fd);
    };
    try {
      set(0, TRIAL_GPA);
      return errnoOf(() => {
        set(flags, TRIAL_GPA + BigInt(gpaDelta));
      });
    } finally {
      memfd.close();
      vm.close();
    }
  }

  checkCapability(option: string): number {
    return this.base.vm.checkExtension(this.capability(option));
  }

  enableCap(option: string, args: readonly number[]): number {
    return errnoOf(() => this.base.vm.enableCap(this.capability(option), 0, args.map(BigInt)));
  }

  setHostPage(page: number, state: HostPage): void {
    this.memory.setHostPage(page, state);
  }

  provide(page: number, value: number): void {
    this.memory.provide(page, value);
  }

  async whileOtherThreadProvides<T>(page: number, value: number, body: () => T): Promise<T> {
    return (await this.thread.whileDoing(this.memory.provision(page, value), body)).result;
  }

  interrupt(vcpu: number, vector: number): void {
    this.base.vm.signalMsi(msiTo(vcpu, vector));
  }

  eventfd(): CaseEventfd {
    const event = new (nativeAddon().EventFd)();
    this.closers.push(() => {
      event.close();
    });
    return {
      fd: event.fd,
      signal: () => {
        event.signal();
      },
      take: () => event.wait(0),
    };
  }

  async whileOtherThreadReadies<T>({ vcpu, page, token }: OtherThreadReady, body: () => T): Promise<{ result: T; errno: number }> {
    const { name } = this.profile;
    const call =
      name === 'async-pf-user-2024' ? userReadyCall(token) : name === 'sync-async-2bit' ? userfaultReadyCall({ gpa: windowGpa(page) }) : asyncPfCall({ gpa: windowGpa(page), op: READY });
    return this.thread.whileDoing({ kind: 'native', vcpuShare: this.base.vcpus[vcpu].share(), ...call }, body);
  }

  close(): void {
    for (const calls of this.calls) calls.close();
    // KVM waits for its workers, and they for their pages.
    this.memory.close();
    this.base.close();
    this.trial.close();
    this.interception.close();
    for (const close of this.closers) close();
  }

  private capability(option: string): number {
    return this.profile.capabilities.find((capability) => capability.option === option)?.number ?? 0;
  }

  private region(slot: number, flags: number, at: bigint, pages: number, mapping: NativeMapping, bitmap: bigint): void {
    setRegion(this.base.vm, slot, flags, at, pages, mapping, bitmap);
  }
}

/** KVM_SET_USER_MEMORY_REGION2 with whatever is said: KVM judges it. */
function setRegion(vm: Vm, slot: number, flags: number, at: bigint, pages: number, mapping: NativeMapping, bitmap: bigint, memfd = -1): void {
  const { request, argument } = encode(ioctls.KVM_SET_USER_MEMORY_REGION2, kvmUserspaceMemoryRegion2UserfaultLayout as StructLayout, {
    slot,
    flags,
    guest_phys_addr: gpa(at),
    memory_size: pages * PAGE_SIZE,
    userspace_addr: mapping.hva,
    userfault_bitmap: bitmap,
    ...(memfd < 0 ? {} : { guest_memfd: memfd }),
  });
  vm.ioctl(request, argument);
}

/** A type of VM that has guest_memfd; undefined where none has. */
export function guestMemfdVmType(kvm: Kvm): number | undefined {
  return kvm.vmTypes().find((type) => {
    const vm = kvm.createVm(type);
    try {
      return vm.checkExtension('GUEST_MEMFD') > 0;
    } finally {
      vm.close();
    }
  });
}

/** KVM_APF_OP_READY. */
const READY = 2;

/** Nothing stands between the kernel and a case. */
class NativeHooks implements RunHooks {
  constructor(
    private readonly hasToken: boolean,
    private readonly runWord: (offset: number) => number,
  ) {}

  beforeEntry(): void {
    // KVM does it all.
  }

  afterExit(): void {
    // KVM did it all.
  }

  fault(exit: VcpuExit): GuestStop {
    if (exit.kind !== 'memoryFault') return { kind: 'bareEfault', exitReason: this.runWord(EXIT_REASON) };
    const flags = Number(exit.flags);
    const token = this.hasToken && (flags & ASYNC_PF_USER_BIT) !== 0 ? this.runWord(TOKEN) : 0;
    return { kind: 'memoryFault', errno: exit.errno, flags, gpa: Number(exit.gpa), sizeBytes: exit.sizeBytes, token };
  }

  writeMsr(): boolean {
    return false;
  }

  readMsr(): null {
    return null;
  }

  mayMove(): boolean {
    return true;
  }
}
