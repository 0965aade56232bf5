/** A VM in which a model plays the proposal and the running kernel everything else. */
import { EINVAL, FaultLabError } from '../../../errors/index.js';
import { msiTo, type CapabilityRequirement, type Kvm } from '../../../kvm/index.js';
import {
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  KVM_X86_DISABLE_EXITS_HLT,
  MSR_KVM_ASYNC_PF_ACK,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
} from '../../../uapi/index.js';
import type * as Proposals from '../../../uapi/proposals/index.js';
import { KVM_MEM_USERFAULT, type ProposalModel, type UapiProfile } from '../../../uapi/proposals/index.js';
import type { OtherThread } from '../../other-thread/index.js';
import type { CaseEventfd, ConformanceVcpu, ConformanceVm, HostPage, OtherThreadReady, SlotTrial, VmOptions } from '../../vm.js';
import { GuestVm, windowGpa } from '../guest-vm.js';
import { EmulatedCalls } from './emulated-calls.js';
import { EmulatedKvm } from './emulated-kvm.js';
import { EmulatedVcpu } from './emulated-vcpu.js';
import { having, type AsyncPfModel } from './model-calls.js';

/** A profile, the module that it is of, and where that is: another thread must have the same one. */
export interface LoadedProfile {
  readonly profile: UapiProfile;
  readonly proposals: typeof Proposals;
  readonly url: string;
}

/** What the emulation does to the guest takes these. */
const NEEDED: readonly CapabilityRequirement[] = ['X86_USER_SPACE_MSR', 'X86_MSR_FILTER', 'EXCEPTION_PAYLOAD', 'SYNC_REGS', { capability: 'X86_DISABLE_EXITS', bits: KVM_X86_DISABLE_EXITS_HLT }];
const PROTOCOL_MSRS = [MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT, MSR_KVM_ASYNC_PF_ACK];

/** See the module's comment. */
export class EmulatedVm implements ConformanceVm {
  readonly vcpus: readonly ConformanceVcpu[];
  private readonly base: GuestVm;
  private readonly kvm: EmulatedKvm;
  private readonly model: ProposalModel;

  /** @throws FaultLabError where KVM refuses something */
  constructor(
    kvm: Kvm,
    private readonly loaded: LoadedProfile,
    private readonly thread: OtherThread,
    { vcpus = 1, hltInGuest = false }: VmOptions,
  ) {
    this.base = new GuestVm(kvm, {
      vcpus,
      // Or KVM would halt a vCPU for a missing page by itself, and no access of it would come here.
      hltInGuest: true,
      prepare: (vm) => {
        vm.requireCapabilities(NEEDED);
        vm.enableCap('EXCEPTION_PAYLOAD', 0, [1n]);
        vm.enableCap('X86_USER_SPACE_MSR', 0, [BigInt(KVM_MSR_EXIT_REASON_FILTER)]);
        const bitmap = new Uint8Array(1);
        vm.setMsrFilter(KVM_MSR_FILTER_DEFAULT_ALLOW, PROTOCOL_MSRS.map((msr) => ({ flags: KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, base: msr, count: 1, bitmap })));
      },
    });
    try {
      this.kvm = new EmulatedKvm(loaded.profile, this.base.vm, this.base.memory.ram, vcpus, hltInGuest);
    } catch (error) {
      this.base.close();
      throw error;
    }
    this.model = this.kvm.model;
    this.base.vm.createMemorySlot(GuestVm.window(this.kvm.window.window.guestView));
    this.vcpus = this.base.vcpus.map((vcpu, index) => {
      const guest = this.base.guest(index, new EmulatedVcpu(this.kvm, index, vcpu));
      return { guest, user: new EmulatedCalls(this.kvm, index, () => this.kvm.window.sync(this.model.slot)) };
    });
  }

  get spareBitmap(): bigint {
    return this.kvm.spareBitmap;
  }

  gpaOf(page: number): number {
    return windowGpa(page);
  }

  fill(page: number, value: number): void {
    this.kvm.window.fill(page, value);
  }

  peek(page: number): number {
    return this.kvm.window.peek(page);
  }

  setBits(page: number, bits: number): void {
    this.kvm.bitmap.set(page, bits);
  }

  bits(page: number): number {
    return this.kvm.bitmap.get(page);
  }

  hideBitmap(): void {
    this.kvm.bitmap.hide();
  }

  setFlags(flags: number, bitmap?: bigint): number {
    const errno = (flags & KVM_MEM_USERFAULT) !== 0 && bitmap !== undefined ? this.bitmapErrno(bitmap, this.model.shape.pages) : 0;
    return errno === 0 ? this.model.setFlags(flags) : errno;
  }

  trySlot({ flags, pages, bitmap }: SlotTrial): number {
    const errno = (flags & KVM_MEM_USERFAULT) === 0 ? 0 : this.bitmapErrno(bitmap, pages);
    // A slot of its own: what it comes to says nothing about the window's.
    return errno === 0 ? this.loaded.profile.createModel({ vcpus: 1, pages, baseGpa: 0 }).setFlags(flags) : errno;
  }

  tryGuestMemfd(): number {
    throw new FaultLabError('CONFORM_CASE', 'the emulation intercepts no guest_memfd');
  }

  checkCapability(option: string): number {
    return this.loaded.profile.capabilities.some((capability) => capability.option === option) ? 1 : 0;
  }

  enableCap(_option: string, args: readonly number[]): number {
    return 'enableCap' in this.model ? having<AsyncPfModel>(this.model, 'enableCap').enableCap(0, args) : EINVAL;
  }

  setHostPage(page: number, state: HostPage): void {
    this.kvm.setHostPage(page, state);
  }

  provide(page: number, value: number): void {
    this.kvm.provide(page, value);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the model keeps nobody: there is nothing to wait for
  async whileOtherThreadProvides<T>(page: number, value: number, body: () => T): Promise<T> {
    const result = body();
    this.provide(page, value);
    return result;
  }

  interrupt(vcpu: number, vector: number): void {
    this.base.vm.signalMsi(msiTo(vcpu, vector));
  }

  eventfd(): CaseEventfd {
    return this.kvm.eventfd();
  }

  async whileOtherThreadReadies<T>({ vcpu, page, token }: OtherThreadReady, body: () => T): Promise<{ result: T; errno: number }> {
    const { vm, memory, vcpus } = this.base;
    this.kvm.otherThreadActs = true;
    try {
      const { shape, words, sharedPages, baton } = this.kvm.shared;
      const task = { kind: 'emulated', proposalsUrl: this.loaded.url, profile: this.loaded.profile.name, shape, words, sharedPages, baton } as const;
      return await this.thread.whileDoing({ ...task, vmShare: vm.share(), ramShare: memory.ram.share(), vcpuShare: vcpus[vcpu].share(), vcpu, page, token }, body);
    } finally {
      this.kvm.otherThreadActs = false;
    }
  }

  close(): void {
    this.base.close();
    this.kvm.close();
  }

  private bitmapErrno(bitmap: bigint, pages: number): number {
    return this.loaded.proposals.userfaultBitmapErrno(bitmap, this.kvm.hasTwoBits ? pages * 2 : pages);
  }
}
