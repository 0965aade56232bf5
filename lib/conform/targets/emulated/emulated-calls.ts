/** User space's calls, answered by the model. */
import { existsSync } from 'node:fs';
import { EFAULT } from '../../../errors/index.js';
import type { FaultContext } from '../../../uapi/index.js';
import { FaultAction } from '../../../uapi/proposals/index.js';
import type { AsyncPfCall, OtherProcessCall, SetEventfdsCall, Unreadable, UserfaultReadyCall, VcpuCalls } from '../../vm.js';
import type { EmulatedKvm } from './emulated-kvm.js';
import { having, type AsyncPfModel, type GpaModel, type RingModel, type TokenModel } from './model-calls.js';

const PREFETCH: FaultContext = { cpl: 3, interruptsEnabled: true, eventPending: false };

/** See the module's comment. */
export class EmulatedCalls implements VcpuCalls {
  constructor(
    private readonly kvm: EmulatedKvm,
    private readonly vcpu: number,
    private readonly afterReset: () => void,
  ) {}

  asyncPf(call: AsyncPfCall | Unreadable): number {
    const model = having<AsyncPfModel>(this.kvm.model, 'request');
    if (call === 'unreadable') return model.request(this.vcpu, { gpa: 0, op: 0, pointerIsBad: true });
    const { gpa, op, flags = 0, reserved = 0 } = call;
    return model.request(this.vcpu, { gpa, op, flags, reserved: reserved !== 0 });
  }

  asyncPfUserReady(token: number | Unreadable): number {
    const model = having<TokenModel>(this.kvm.model, 'request');
    return model.request(this.vcpu, token === 'unreadable' ? { token: 0, pointerIsBad: true } : { token });
  }

  userfaultReady(call: UserfaultReadyCall | Unreadable): number {
    const model = having<GpaModel>(this.kvm.model, 'request');
    return model.request(this.vcpu, call === 'unreadable' ? { gpa: 0, pointerIsBad: true } : call);
  }

  setEventfds(call: SetEventfdsCall | Unreadable): number {
    if (call !== 'unreadable') return this.kvm.setEventfds(this.vcpu, call, isOpenFd);
    return having<RingModel>(this.kvm.model, 'setEventfds').setEventfds(this.vcpu, { fd: -1, completeFd: -1, pointerIsBad: true });
  }

  enableCap(_option: string, args: readonly number[]): number {
    return having<AsyncPfModel>(this.kvm.model, 'enableCap').enableCap(this.vcpu, args);
  }

  sharedPage(): Int32Array {
    return having<RingModel>(this.kvm.model, 'drainCompletions').sharedPages[this.vcpu];
  }

  preFault(page: number): number | 'sleeps' {
    const { model } = this.kvm;
    const intercepts = model.slotFlags === 0 || model.slot.intercepting;
    const action = model.slot.isMapped(page) ? FaultAction.MAP : model.fault(this.vcpu, page, intercepts ? this.kvm.bitsForFault(page) : 0, PREFETCH, true);
    if (action === FaultAction.MAP) {
      model.slot.map(page);
      this.kvm.window.map(page);
    }
    return preFaultErrno(action);
  }

  fromOtherProcess(call: OtherProcessCall): number {
    const { model } = this.kvm;
    if (call.kind === 'asyncPf') return having<AsyncPfModel>(model, 'request').request(this.vcpu, { gpa: call.call.gpa, op: call.call.op, otherProcess: true });
    if (call.kind === 'token') return having<TokenModel>(model, 'request').request(this.vcpu, { token: call.token, otherProcess: true });
    return having<GpaModel>(model, 'request').request(this.vcpu, { gpa: call.call.gpa, otherProcess: true });
  }

  reset(): void {
    this.kvm.model.reset(this.vcpu);
    this.afterReset();
  }
}

/** Whether a descriptor of this process is open. */
function isOpenFd(fd: number): boolean {
  return fd >= 0 && existsSync(`/proc/self/fd/${fd}`);
}

/** What a prefetch of a page comes to. */
function preFaultErrno(action: FaultAction): number | 'sleeps' {
  if (action === FaultAction.MAP) return 0;
  return action === FaultAction.WAIT ? 'sleeps' : EFAULT;
}
