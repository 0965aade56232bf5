/** User space's calls as ioctls on the vCPU's file. */
import { spawnSync } from 'node:child_process';
import { FaultLabError } from '../../../errors/index.js';
import { msiTo, type Vcpu, type Vm } from '../../../kvm/index.js';
import type { NativeMapping } from '../../../native/index.js';
import { PAGE_SIZE, StructView, ioctls, type StructLayout } from '../../../uapi/index.js';
import {
  KVM_APF_PAGE_OFFSET,
  KVM_USERFAULT_READY,
  asyncPfUserIoctls,
  asyncPfUserfaultIoctls,
  kvmApfEventfdLayout,
  kvmAsyncPfReqLayout,
  kvmAsyncPfUserReadyLayout,
  kvmUserfaultReadyLayout,
} from '../../../uapi/proposals/index.js';
import type { AsyncPfCall, OtherProcessCall, SetEventfdsCall, Unreadable, UserfaultReadyCall, VcpuCalls } from '../../vm.js';
import { windowGpa } from '../guest-vm.js';
import { errnoOf } from './errno-of.js';

/** An ioctl and its argument. */
export interface EncodedCall {
  readonly request: number;
  readonly argument: Uint8Array;
}

/** A structure with these fields, all else 0. */
export function encode<Field extends string>(request: number, layout: StructLayout<Field>, fields: Partial<Record<Field, number | bigint>>): EncodedCall {
  const view = new StructView(layout, new DataView(new ArrayBuffer(layout.size)));
  for (const [field, value] of Object.entries(fields) as [Field, number | bigint][]) view.set(field, BigInt(value));
  return { request, argument: view.bytes() };
}

/** KVM_ASYNC_PF. */
export function asyncPfCall({ gpa, op, flags = 0, reserved = 0 }: AsyncPfCall): EncodedCall {
  return encode(asyncPfUserfaultIoctls.KVM_ASYNC_PF, kvmAsyncPfReqLayout, { gpa, op, flags, 'reserved[0]': reserved });
}

/** KVM_ASYNC_PF_USER_READY. */
export function userReadyCall(token: number): EncodedCall {
  return encode(asyncPfUserIoctls.KVM_ASYNC_PF_USER_READY, kvmAsyncPfUserReadyLayout, { token });
}

/** KVM_USERFAULT_READY. */
export function userfaultReadyCall({ gpa, flags = 0 }: UserfaultReadyCall): EncodedCall {
  return encode(KVM_USERFAULT_READY, kvmUserfaultReadyLayout, { gpa, flags });
}

const PRE_FAULT_BYTES = 64;
/** Delivery mode INIT, level asserted (SDM vol. 3, 11.11.2). */
const MSI_INIT = 0x4500;
const LOWEST_VECTOR = 16;
/** Makes an ioctl on file descriptor 3, and says its errno. */
const OTHER_PROCESS = 'import fcntl,sys\ntry:\n fcntl.ioctl(3,int(sys.argv[1]),bytearray.fromhex(sys.argv[2]))\n print(0)\nexcept OSError as e:\n print(e.errno)';

/** See the module's comment. */
export class NativeCalls implements VcpuCalls {
  private readonly mapped: NativeMapping[] = [];

  constructor(
    private readonly vm: Vm,
    private readonly vcpu: Vcpu,
    private readonly capabilityOf: (option: string) => number,
    private readonly afterReset: () => void,
  ) {}

  asyncPf(call: AsyncPfCall | Unreadable): number {
    return this.make(call === 'unreadable' ? asyncPfUserfaultIoctls.KVM_ASYNC_PF : asyncPfCall(call));
  }

  asyncPfUserReady(token: number | Unreadable): number {
    return this.make(token === 'unreadable' ? asyncPfUserIoctls.KVM_ASYNC_PF_USER_READY : userReadyCall(token));
  }

  userfaultReady(call: UserfaultReadyCall | Unreadable): number {
    return this.make(call === 'unreadable' ? KVM_USERFAULT_READY : userfaultReadyCall(call));
  }

  setEventfds(call: SetEventfdsCall | Unreadable): number {
    const request = asyncPfUserfaultIoctls.KVM_SET_APF_EVENTFD;
    if (call === 'unreadable') return this.make(request);
    const { fd, completeFd, flags = 0, padding = 0, reserved = 0 } = call;
    return this.make(encode(request, kvmApfEventfdLayout, { fd, complete_fd: completeFd, flags, padding, 'reserved[0]': reserved }));
  }

  enableCap(option: string, args: readonly number[]): number {
    return errnoOf(() => this.vcpu.enableCap(this.capabilityOf(option), 0, args.map(BigInt)));
  }

  sharedPage(): Int32Array {
    const page = this.vcpu.native.mapPage(KVM_APF_PAGE_OFFSET);
    this.mapped.push(page);
    return new Int32Array(page.view());
  }

  preFault(page: number): number {
    const argument = new Uint8Array(PRE_FAULT_BYTES);
    const view = new DataView(argument.buffer);
    view.setBigUint64(0, BigInt(windowGpa(page)), true);
    view.setBigUint64(8, BigInt(PAGE_SIZE), true);
    return errnoOf(() => this.vcpu.ioctl(ioctls.KVM_PRE_FAULT_MEMORY, argument));
  }

  reset(): void {
    this.vm.signalMsi({ ...msiTo(this.vcpu.id, LOWEST_VECTOR), data: MSI_INIT });
    this.vcpu.exit.setImmediateExit(false);
    // It resets on its way into the guest, and finds nothing at the reset vector.
    this.vcpu.run();
    this.afterReset();
  }

  fromOtherProcess(call: OtherProcessCall): number {
    const { request, argument } = call.kind === 'token' ? userReadyCall(call.token) : call.kind === 'asyncPf' ? asyncPfCall(call.call) : userfaultReadyCall(call.call);
    const args = ['-c', OTHER_PROCESS, String(request), Buffer.from(argument).toString('hex')];
    const { stdout, status } = spawnSync('python3', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore', this.vcpu.native.fd], timeout: 10_000 });
    if (status !== 0) throw new FaultLabError('CONFORM_PROCESS', 'the second process did not say what its ioctl came to');
    return Number(stdout.trim());
  }

  /** Lets go of mapped pages. */
  close(): void {
    for (const page of this.mapped) page.close();
  }

  private make(call: EncodedCall | number): number {
    if (typeof call === 'number') return -this.vcpu.native.ioctlUnreadable(call);
    return errnoOf(() => this.vcpu.ioctl(call.request, call.argument));
  }
}

