/**
 * What a case of the suite works with: a VM of one or two vCPUs, a memslot of a few pages under test, and the calls of user space. A case says what must
 * happen in the proposal's own numbers; what makes it happen, a kernel that has the proposal or a model of it, is the target's matter.
 */
import type { GuestVcpu } from './guest/index.js';

/** Arguments of KVM_ASYNC_PF, as they stand in struct kvm_async_pf_req. */
export interface AsyncPfCall {
  readonly gpa: number;
  readonly op: number;
  readonly flags?: number;
  /** Value of the first reserved word. */
  readonly reserved?: number;
}

/** Arguments of KVM_USERFAULT_READY, as they stand in struct kvm_userfault_ready. */
export interface UserfaultReadyCall {
  readonly gpa: number;
  readonly flags?: number;
}

/** Arguments of KVM_SET_APF_EVENTFD, as they stand in struct kvm_apf_eventfd. */
export interface SetEventfdsCall {
  readonly fd: number;
  readonly completeFd: number;
  readonly flags?: number;
  readonly padding?: number;
  /** Value of the first reserved word. */
  readonly reserved?: number;
}

/** In place of arguments: an address that no process can read. */
export type Unreadable = 'unreadable';

/** A call that another process makes. */
export type OtherProcessCall =
  | { readonly kind: 'asyncPf'; readonly call: AsyncPfCall }
  | { readonly kind: 'token'; readonly token: number }
  | { readonly kind: 'userfaultReady'; readonly call: UserfaultReadyCall };

/** What user space asks of one vCPU. Calls return 0 or a positive errno. */
export interface VcpuCalls {
  /** KVM_ASYNC_PF. */
  asyncPf(call: AsyncPfCall | Unreadable): number;
  /** KVM_ASYNC_PF_USER_READY. */
  asyncPfUserReady(token: number | Unreadable): number;
  /** KVM_USERFAULT_READY. */
  userfaultReady(call: UserfaultReadyCall | Unreadable): number;
  /** KVM_SET_APF_EVENTFD. */
  setEventfds(call: SetEventfdsCall | Unreadable): number;
  /** KVM_ENABLE_CAP on the vCPU, of the capability with this option name. */
  enableCap(option: string, args: readonly number[]): number;
  /** The page that the vCPU's file has for the rings, as 32-bit words: mapped anew. */
  sharedPage(): Int32Array;
  /** KVM_PRE_FAULT_MEMORY of one page. Waits as long as KVM does, a second at most: `sleeps` then. */
  preFault(page: number): number | 'sleeps';
  /** The same call from another process that has the vCPU's file. */
  fromOtherProcess(call: OtherProcessCall): number;
  /** INIT. The guest's tasks are gone; the next one is begun anew. */
  reset(): void;
}

/** One vCPU. */
export interface ConformanceVcpu {
  readonly guest: GuestVcpu;
  readonly user: VcpuCalls;
}

/** A memslot to try, of `pages` pages, which is gone again afterwards. */
export interface SlotTrial {
  readonly flags: number;
  readonly pages: number;
  /** hva of the bitmap. */
  readonly bitmap: bigint;
}

/** What is tried on a slot with guest_memfd: other flags besides its own, another gpa. */
export interface GuestMemfdChange {
  readonly flags: number;
  /** Bytes by which it moves. */
  readonly gpaDelta: number;
}

/** An eventfd of a case. */
export interface CaseEventfd {
  readonly fd: number;
  /** write(2) of 1. */
  signal(): void;
  /** The count, which is 0 after. */
  take(): number;
}

/** Another thread's completion of a fault: by gpa or by token, as the profile has it. */
export interface OtherThreadReady {
  readonly vcpu: number;
  readonly page: number;
  /** 0 where the profile has none. */
  readonly token: number;
}

/** What the host has for a page, where no proposal intercepts it. */
export type HostPage = 'sleeps' | 'fails';

/** How a VM is made. */
export interface VmOptions {
  /** 1 where left out. */
  readonly vcpus?: 1 | 2;
  /** The guest's HLT does not leave it (KVM_X86_DISABLE_EXITS_HLT); false where left out. */
  readonly hltInGuest?: boolean;
}

/** See the module's comment. Pages are indexes in the window. */
export interface ConformanceVm {
  readonly vcpus: readonly ConformanceVcpu[];

  /** gpa of a page's first byte. */
  gpaOf(page: number): number;
  /** Writes a page's contents, as a resolver does: `value` is what the guest's load reads there. Bits are left alone. */
  fill(page: number, value: number): void;
  /** What the guest's store wrote. */
  peek(page: number): number;

  /** Sets a page's interception bits: one bit, or S and A where a page has two. One atomic operation, with release order. */
  setBits(page: number, bits: number): void;
  /** The bits as they stand in the bitmap. */
  bits(page: number): number;
  /** Makes the bitmap unreadable for KVM. */
  hideBitmap(): void;
  /** KVM_SET_USER_MEMORY_REGION2 with other flags; `bitmap` where the address changes too. 0 or an errno. */
  setFlags(flags: number, bitmap?: bigint): number;
  /** KVM_SET_USER_MEMORY_REGION2 for a slot that was not there. 0 or an errno. */
  trySlot(trial: SlotTrial): number;
  /** KVM_SET_USER_MEMORY_REGION2 for a slot with guest_memfd that is there already. 0 or an errno. */
  tryGuestMemfd(change: GuestMemfdChange): number;
  /** An address of user space with room for the bitmap of any slot tried. */
  readonly spareBitmap: bigint;

  /** KVM_CHECK_EXTENSION of the capability with this option name. */
  checkCapability(option: string): number;
  /** KVM_ENABLE_CAP on the VM, of the capability with this option name. 0 or an errno. */
  enableCap(option: string, args: readonly number[]): number;

  /** Takes a page away from the host, where no proposal intercepts it: what KVM finds from then on. */
  setHostPage(page: number, state: HostPage): void;
  /** The host has the page again, with this value. */
  provide(page: number, value: number): void;

  /**
   * As {@link provide}, by another thread while `body` runs: for what may keep a vCPU's thread in KVM until the page is there. Some kernels wait for the
   * worker that sleeps for it when a guest disables async page faults.
   */
  whileOtherThreadProvides<T>(page: number, value: number, body: () => T): Promise<T>;
  /** Raises an interrupt by MSI. */
  interrupt(vcpu: number, vector: number): void;
  /** A new eventfd, closed with the VM. */
  eventfd(): CaseEventfd;
  /** Has another thread complete a fault while `body` runs. */
  whileOtherThreadReadies<T>(ready: OtherThreadReady, body: () => T): Promise<{ readonly result: T; readonly errno: number }>;

  /** Gives everything back. */
  close(): void;
}

/** What a case may need and a host may not have. */
export type Need =
  /** A fault at CPL0 reaches KVM's fault handling. */
  | 'cpl0-faults'
  /** A second process that makes an ioctl on the vCPU's file. */
  | 'other-process'
  /** KVM_PRE_FAULT_MEMORY. */
  | 'pre-fault'
  /** Interception of a guest_memfd slot. */
  | 'guest-memfd'
  /** An INIT that comes to the vCPU. */
  | 'reset';

/** Makes VMs in which a profile can be tried. */
export interface ConformanceTarget {
  readonly kind: 'native' | 'emulated';
  /** Why this target and this host do not have something; undefined where they do. */
  lacks(need: Need): string | undefined;
  /** A new VM. Throws FaultLabError where KVM refuses one. */
  createVm(options?: VmOptions): ConformanceVm;
  /** Ends what the target started. */
  close(): Promise<void>;
}
