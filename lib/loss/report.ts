/** A report of lost memory: what a VMM does when the guest has touched a page that cannot be had. */
import type { LostAccess } from '../faults/index.js';
import type { Vcpu, Vm } from '../kvm/index.js';
import type { DaxWindow, SystemRam } from '../memory/index.js';

/** What a VM of this report looks like to its guest and to KVM. */
export interface ReportSetup {
  /** Who plays the host's end of async page faults. `emulated` leaves the MSRs to the report. */
  readonly asyncPf: 'none' | 'kernel' | 'emulated';
  /**
   * KVM handles a fault by async page faults or a synthetic halt as long as HLT exits: where a report must see each fault as a failed KVM_RUN, it leaves HLT to the guest.
   */
  readonly haltExits: boolean;
  /** FEATURE_* that the guest may use. */
  readonly features: number;
  /** The report asks for a missing page by itself; for others the vCPU stands still until the page has come, or cannot be had and is lost. */
  readonly asksForPages?: boolean;
  /** Whether the guest is shown bit 15 of the async page fault features: errors in ready events. */
  readonly asyncPfErrors?: boolean;
}

/** What a report works with: the VMM around one vCPU that stands still. */
export interface ReportMachine {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  readonly ram: SystemRam;
  readonly window: DaxWindow;
  /** Guest addresses. */
  readonly veInformation: number;
  readonly apfArea: number;
  /** Makes an exception pending for the next entry, as a fault of the instruction at RIP. */
  inject(vector: number, errorCode?: number): void;
  /** Makes a #PF pending whose CR2 is `address`. */
  injectPageFault(address: number, errorCode: number): void;
  /** Raises an interrupt. */
  raise(vector: number): void;
  /** Calls `action` at the first exit at least `delayMs` from now, 0: at the next one. It may do what a report may do at an exit. */
  later(delayMs: number, action: () => void): void;
  /** Asks the owner of the window to bring the page at `offset` back; false where it cannot, or there is no such page. It may take its time. */
  resolve(offset: number): boolean;
  /** As `resolve`, while others run: calls `done` at an exit, once, whatever the owner does. */
  request(offset: number, done: (came: boolean) => void): void;
  /** Notes something the host did, for the timeline. */
  note(what: string): void;
}

/** How the VM goes on after a lost access. */
export type ReportAnswer =
  /** The vCPU is entered again. */
  | { readonly kind: 'resume' }
  /** The VM ends here: `why`, a sentence. */
  | { readonly kind: 'die'; readonly why: string };

/** One report at work on one VM. */
export interface ReportSession {
  /** The guest touched a page that cannot be had. RIP is at the instruction, whatever it was that came out of KVM_RUN; nothing of it has been done. */
  lost(access: LostAccess): ReportAnswer;
  /** The guest wrote an MSR of async page faults (`asyncPf: 'emulated'`); false for #GP. */
  writeMsr?(index: number, value: bigint): boolean;
  /** The guest called; returns what EAX will hold, or how the VM ends. */
  hypercall?(number: number, args: readonly [number, number, number]): number | ReportAnswer;
  /** After each exit, before the next entry; a report that watches for loops ends the VM here. */
  afterExit?(): ReportAnswer | null;
  /** The VM ends; the window stays. */
  close?(): void;
}

/** See the module's comment. */
export interface LossReport {
  /** On the command line. */
  readonly name: string;
  /** What happens to a guest that touches a lost page, in a few words. */
  readonly title: string;
  readonly setup: ReportSetup;
  /** True where what it finds out at the first lost access after a truncation answers the later ones: only the first takes the time that the report takes. */
  readonly learns?: boolean;
  start(machine: ReportMachine): ReportSession;
}

/** The VM goes on. */
export const RESUME: ReportAnswer = { kind: 'resume' };
