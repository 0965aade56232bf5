/** What the vCPUs of an emulated VM have in common: the model, the interception bits, eventfds that user space registered. */
import type { Vm } from '../../../kvm/index.js';
import type { SystemRam } from '../../../memory/index.js';
import { nativeAddon, type NativeEventFd } from '../../../native/index.js';
import { ProposalModel, SHARED_PAGE_WORDS, StockPage, type ModelShape, type UapiProfile } from '../../../uapi/proposals/index.js';
import { WINDOW_GPA, WINDOW_PAGES } from '../../guest/index.js';
import type { CaseEventfd, HostPage, SetEventfdsCall } from '../../vm.js';
import { Baton } from './baton.js';
import { InterceptionBitmap } from './interception-bitmap.js';
import { MissingWindow } from './missing-window.js';
import { hasRings } from './model-calls.js';
import { deliverReady } from './ready-events.js';

/** Memory that another thread needs to be user space too. */
export interface SharedKvm {
  readonly shape: ModelShape;
  readonly words: Int32Array;
  readonly sharedPages: readonly Int32Array[];
  readonly baton: Int32Array;
}

/** Eventfds registered with a vCPU; undefined while it has none. */
interface Registered {
  readonly fd: number;
  readonly completeFd: number;
}

const HOST_PAGE: Readonly<Record<HostPage, number>> = { sleeps: StockPage.SLEEPS, fails: StockPage.FAILS };

/** See the module's comment. */
export class EmulatedKvm {
  readonly model: ProposalModel;
  readonly shared: SharedKvm;
  readonly baton: Baton;
  readonly window: MissingWindow;
  /** Another thread is about to complete a fault. */
  otherThreadActs = false;
  /** True where a slot of the profile has two bits a page. */
  readonly hasTwoBits: boolean;
  readonly bitmap: InterceptionBitmap;
  /** Where no proposal intercepts: what the host has for each page, as the model is told. */
  private readonly hostPages = new Uint8Array(WINDOW_PAGES).fill(StockPage.PRESENT);
  private readonly eventfds = new Map<number, NativeEventFd>();
  private readonly registered: (Registered | undefined)[];
  private readonly workers: { readonly vcpu: number; readonly page: number }[] = [];

  constructor(
    profile: UapiProfile,
    private readonly vm: Vm,
    readonly ram: SystemRam,
    vcpus: number,
    hltInGuest: boolean,
  ) {
    const shape: ModelShape = { vcpus, pages: WINDOW_PAGES, baseGpa: WINDOW_GPA, hltInGuest };
    const shared = (words: number): Int32Array => new Int32Array(new SharedArrayBuffer(words * 4));
    this.shared = {
      shape,
      words: shared(ProposalModel.wordCount(shape)),
      sharedPages: Array.from({ length: vcpus }, () => shared(SHARED_PAGE_WORDS)),
      baton: shared(1),
    };
    this.model = profile.createModel(shape, this.shared.words, this.shared.sharedPages);
    this.hasTwoBits = profile.name === 'sync-async-2bit';
    this.bitmap = new InterceptionBitmap(WINDOW_PAGES, this.hasTwoBits ? 2 : 1);
    this.registered = Array.from({ length: vcpus }, () => undefined);
    this.baton = new Baton(this.shared.baton);
    this.baton.take();
    this.window = new MissingWindow();
  }

  /** KVM_RUN is entered. */
  enter(vcpu: number): void {
    this.window.sync(this.model.slot);
    this.model.enter(vcpu);
    this.finishWorkers();
    deliverReady(this.model, vcpu, this.vm, this.ram);
  }

  /** A page's bits as a fault reads them: -1 when it cannot. */
  bitsForFault(page: number): number {
    return this.model.completionKey === 'worker' ? this.hostPages[page] : this.bitmap.load(page, this.model.slot.flags);
  }

  /** What the host has for a page from now on; mapped it is no more. */
  setHostPage(page: number, state: HostPage): void {
    this.hostPages[page] = HOST_PAGE[state];
    this.model.slot.unmap(page);
  }

  /** The host has a page again: KVM's workers that slept for it come back. */
  provide(page: number, value: number): void {
    this.window.fill(page, value);
    this.hostPages[page] = StockPage.PRESENT;
    for (let vcpu = 0; vcpu < this.model.queues.length; vcpu++) this.model.ready(vcpu, page, 0);
  }

  /** A fault is an async page fault of KVM's own: its worker sleeps for the page, or comes back at once without. */
  workerStarted(vcpu: number, page: number): void {
    if (this.model.completionKey === 'worker' && this.hostPages[page] === StockPage.FAILS) this.workers.push({ vcpu, page });
  }

  /** A new eventfd. */
  eventfd(): CaseEventfd {
    const event = new (nativeAddon().EventFd)();
    this.eventfds.set(event.fd, event);
    return {
      fd: event.fd,
      signal: () => {
        event.signal();
        this.completionSignalled(event.fd);
      },
      take: () => event.wait(0),
    };
  }

  /** The model signals the notification eventfd of a vCPU. */
  notify(vcpu: number): void {
    const { fd } = this.registered[vcpu] ?? {};
    if (fd !== undefined) this.eventfds.get(fd)?.signal();
  }

  /** KVM_SET_APF_EVENTFD. */
  setEventfds(vcpu: number, { fd, completeFd, flags = 0, padding = 0, reserved = 0 }: SetEventfdsCall, isOpen: (fd: number) => boolean): number {
    const { model } = this;
    if (!hasRings(model)) return -1;
    const both = [fd, completeFd];
    const errno = model.setEventfds(vcpu, {
      fd,
      completeFd,
      flags,
      reserved: padding !== 0 || reserved !== 0,
      fdIsClosed: both.some((one) => one >= 0 && !isOpen(one)),
      notAnEventfd: both.some((one) => isOpen(one) && !this.eventfds.has(one)),
      completionTaken: this.registered.some((other, index) => index !== vcpu && other?.completeFd === completeFd),
    });
    if (errno === 0) this.registered[vcpu] = fd < 0 ? undefined : { fd, completeFd };
    return errno;
  }

  /** hva of something that can be a bitmap. */
  get spareBitmap(): bigint {
    return this.window.window.hostView.hva;
  }

  /** Gives everything back. */
  close(): void {
    this.window.close();
    for (const event of this.eventfds.values()) event.close();
  }

  private completionSignalled(fd: number): void {
    const { model } = this;
    if (!hasRings(model)) return;
    this.registered.forEach((registered, vcpu) => {
      if (registered?.completeFd === fd) model.drainCompletions(vcpu);
    });
  }

  private finishWorkers(): void {
    for (const { vcpu, page } of this.workers.splice(0)) this.model.ready(vcpu, page, 0);
  }
}
