import { attempt, EFAULT, EINVAL, FaultLabError } from '../../errors/index.js';
import type { NativeEventFd, NativeMapping } from '../../native/index.js';
import { asyncPfUserfaultIoctls, KVM_APF_PAGE_OFFSET, kvmApfEventfdLayout, type ApfEventfds } from '../../uapi/proposals/index.js';
import type { Vcpu } from '../vcpu.js';
import { errnoOf, meansUnknown } from './errno-of.js';
import { struct } from './scratch-vm.js';
import { uapiAbsent, uapiFailure } from './uapi-absent.js';

/** How the design of 2026 is set up on one vCPU, by its own thread: the capability, the eventfds, the shared page of the rings. */
export class NativeExitless2026 {
  readonly #vcpu: Vcpu;
  readonly #capability: number;

  /** @param capability - number of KVM_CAP_ASYNC_PF_USERFAULT on this kernel */
  constructor(vcpu: Vcpu, capability: number) {
    this.#vcpu = vcpu;
    this.#capability = capability;
  }

  /** KVM_ENABLE_CAP with any arguments: 0 or the errno. */
  tryEnable(args: readonly bigint[]): number {
    return errnoOf(() => this.#vcpu.enableCap(this.#capability, 0, args));
  }

  /** Turns async page faults of intercepted pages on or off. Throws FaultLabError: `UAPI_ABSENT`, `KVM_ENOMEM`. */
  enable(on = true): void {
    const errno = this.tryEnable([on ? 1n : 0n]);
    if (errno === EINVAL) throw uapiAbsent(`KVM_CAP_ASYNC_PF_USERFAULT (capability ${this.#capability})`, errno);
    if (errno !== 0) throw uapiFailure(`enable capability ${this.#capability}`, 'KVM_ENABLE_CAP', errno);
  }

  /** KVM_SET_APF_EVENTFD as given, right or wrong: 0 or the errno. */
  trySetEventfds({ fd, completeFd, flags = 0, reserved = false }: ApfEventfds): number {
    const argument = struct(kvmApfEventfdLayout);
    argument.set('fd', BigInt(fd));
    argument.set('complete_fd', BigInt(completeFd));
    argument.setNumber('flags', flags);
    argument.setNumber('reserved[1]', reserved ? 1 : 0);
    return errnoOf(() => this.#vcpu.ioctl(asyncPfUserfaultIoctls.KVM_SET_APF_EVENTFD, argument.bytes()));
  }

  /**
   * Has KVM tell of faults by `notify` and look for completions when `complete` is signalled; a shared page mapped before is one no more.
   * Throws FaultLabError: `UAPI_ABSENT`, `KVM_EBUSY` while faults are outstanding, `KVM_EINVAL` for one eventfd twice.
   */
  setEventfds(notify: NativeEventFd, complete: NativeEventFd): void {
    const eventfds = attempt('register two eventfds', () => ({ fd: notify.fd, completeFd: complete.fd }));
    this.#check(this.trySetEventfds(eventfds), 'register two eventfds');
  }

  /** Goes back to exits. Throws FaultLabError as `setEventfds`. */
  clearEventfds(): void {
    this.#check(this.trySetEventfds({ fd: -1, completeFd: -1 }), 'deregister the eventfds');
  }

  /**
   * The page of the rings, to be mapped after each `setEventfds` and closed by the caller; a resolver's Worker adopts it and views it.
   * Throws FaultLabError `UAPI_ABSENT` where KVM has nothing there.
   */
  mapSharedPage(): NativeMapping {
    try {
      return this.#vcpu.mapPage(KVM_APF_PAGE_OFFSET);
    } catch (error) {
      if (!(error instanceof FaultLabError) || error.code !== 'VCPU_NO_PAGE') throw error;
      throw new FaultLabError('UAPI_ABSENT', `this kernel does not have the shared page of async page faults: page ${KVM_APF_PAGE_OFFSET} of a vCPU's file is empty`, { cause: error });
    }
  }

  #check(errno: number, tried: string): void {
    if (errno === 0) return;
    if (meansUnknown(errno) && this.#vcpu.native.ioctlUnreadable(asyncPfUserfaultIoctls.KVM_SET_APF_EVENTFD) !== -EFAULT) throw uapiAbsent('KVM_SET_APF_EVENTFD', errno);
    throw uapiFailure(tried, 'KVM_SET_APF_EVENTFD', errno);
  }
}
