/** What the proposals with async page faults of user space have in common, and in which numbers they differ. */
import type { CaseContext } from '../../case.js';
import type { GuestAccess } from '../../guest/index.js';
import type { ConformanceVm, VmOptions } from '../../vm.js';
import { EFAULT, enable, isNotPresent } from '../steps.js';

/** One proposal. */
export interface AsyncProtocol {
  /** Memslot flags that intercept; 0 where it takes none. */
  readonly slotFlags: number;
  /** Bits of a page whose fault is an async page fault. */
  readonly marked: number;
  /** True where the exit carries the token. */
  readonly exitHasToken: boolean;
  /** What the VMM does to a vCPU before it runs. */
  readonly prepare: (context: CaseContext, vm: ConformanceVm, vcpu: number) => void;
  /** What it says after the exit, before it re-enters: that it handles the fault asynchronously. */
  readonly accept: (context: CaseContext, vm: ConformanceVm, vcpu: number, page: number) => void;
  /** The completion: 0 or an errno. */
  readonly ready: (vm: ConformanceVm, vcpu: number, page: number, token: number) => number;
  /** The errno of a completion for a fault that is none any more. */
  readonly gone: number;
}

/** Flags of an exit: of a page that is intercepted; of an async page fault. */
const PLAIN = 0x10;
const ASYNC = 0x30;

/** See {@link AsyncProtocol}. */
export class AsyncSteps {
  readonly vm: ConformanceVm;

  /** A VM in which pages 0 up to `pages` are marked; the guest has enabled nothing. */
  constructor(
    readonly context: CaseContext,
    readonly protocol: AsyncProtocol,
    { pages = 2, ...options }: VmOptions & { readonly pages?: number } = {},
  ) {
    this.vm = context.vm(options);
    for (let page = 0; page < pages; page++) this.vm.setBits(page, protocol.marked);
    if (protocol.slotFlags !== 0) context.errno('the slot is intercepted', this.vm.setFlags(protocol.slotFlags), 0);
    for (let vcpu = 0; vcpu < this.vm.vcpus.length; vcpu++) protocol.prepare(context, this.vm, vcpu);
  }

  /** The guest enables async page faults on every vCPU. */
  enable(more = 0): this {
    for (const { guest } of this.vm.vcpus) enable(this.context, guest, more);
    return this;
  }

  /** The guest touches a page, which is a plain exit. */
  plainExit(what: string, access: GuestAccess, vcpu = 0): void {
    this.exit(what, access, vcpu, PLAIN, 0);
  }

  /** The guest touches a page, which is the exit of an async page fault. */
  asyncExit(page: number, token: number, vcpu = 0): void {
    this.exit(`vCPU ${vcpu} reads page ${page}`, { kind: 'load', page }, vcpu, ASYNC, this.protocol.exitHasToken ? token : 0);
  }

  /** The whole of it: exit, ACCEPT where there is such a thing, not-present event. */
  told(page: number, token: number, vcpu = 0): void {
    this.asyncExit(page, token, vcpu);
    this.protocol.accept(this.context, this.vm, vcpu, page);
    isNotPresent(this.context, this.vm.vcpus[vcpu].guest.run(), token);
  }

  /** The resolver has a page: contents, then the bits. */
  resolve(page: number, value: number): void {
    this.vm.fill(page, value);
    this.vm.setBits(page, 0);
  }

  /** The completion comes to 0 or an errno, as it must. */
  ready(page: number, token: number, expected = 0, vcpu = 0): void {
    this.context.errno(`READY of page ${page} on vCPU ${vcpu}`, this.protocol.ready(this.vm, vcpu, page, token), expected);
  }

  /** The guest's pages need nobody any more: the access of the task at hand is made. */
  expectDone(value: number, vcpu = 0): void {
    this.context.expect('the access is made', this.vm.vcpus[vcpu].guest.run(), { kind: 'done', value });
  }

  private exit(what: string, access: GuestAccess, vcpu: number, flags: number, token: number): void {
    const { guest } = this.vm.vcpus[vcpu];
    guest.begin(access);
    this.context.expect(what, guest.run(), { kind: 'memoryFault', errno: EFAULT, flags, gpa: this.vm.gpaOf(access.page), sizeBytes: 4096, token });
  }
}
