/**
 * The shared page of one vCPU's exitless rings, from both ends. Indices run freely modulo 2^32 and are masked only to find an entry. A
 * producer stores its index after the entry, a consumer loads it before: Atomics order both.
 *
 * Each end trusts only its own indices. What the other end writes can make a ring look full or empty, nothing worse.
 */
import {
  KVM_APF_ENTRY_SIZE,
  KVM_APF_RING_SIZE,
  KVM_APF_SHARED_FLAG_NOTIFY_ARMED,
  KVM_APF_SHARED_VERSION,
} from './constants.js';
import { kvmApfSharedPageLayout } from './layouts.js';

const { fields } = kvmApfSharedPageLayout;
const VERSION = fields['header.version'].offset / 4;
const RING_SIZE = fields['header.ring_size'].offset / 4;
const ENTRY_SIZE = fields['header.entry_size'].offset / 4;
const FLAGS = fields['header.flags'].offset / 4;
const NOTIFY_HEAD = fields['notify.head'].offset / 4;
const NOTIFY_TAIL = fields['notify.tail'].offset / 4;
const NOTIFY_ENTRIES = fields['notify.entries[0]'].offset / 4;
const COMPLETE_HEAD = fields['complete.head'].offset / 4;
const COMPLETE_TAIL = fields['complete.tail'].offset / 4;
const COMPLETE_ENTRIES = fields['complete.entries[0]'].offset / 4;
const ENTRY_WORDS = KVM_APF_ENTRY_SIZE / 4;
const TWO_32 = 0x1_0000_0000;

/** Words of the page that are in use. */
export const SHARED_PAGE_WORDS = kvmApfSharedPageLayout.size / 4;

/** What both ends share: words, an entry of which was read last. */
abstract class SharedPageEnd {
  /** gpa of the entry that was taken last. */
  gpa = 0;
  /** Flags of the entry that was taken last, bits 31:0. */
  entryFlags = 0;
  private readonly mask: number;

  /**
   * @param words - {@link SHARED_PAGE_WORDS} of them
   * @param entries - of each ring; the kernel's number unless a model is explored
   */
  constructor(
    protected readonly words: Int32Array,
    protected readonly entries: number = KVM_APF_RING_SIZE,
  ) {
    this.mask = entries - 1;
  }

  protected load(word: number): number {
    return Atomics.load(this.words, word);
  }

  protected store(word: number, value: number): void {
    Atomics.store(this.words, word, value);
  }

  protected writeEntry(base: number, index: number, gpa: number, flags: number): void {
    const at = base + (index & this.mask) * ENTRY_WORDS;
    this.words[at] = gpa % TWO_32 | 0;
    this.words[at + 1] = Math.floor(gpa / TWO_32);
    this.words[at + 2] = flags;
    this.words[at + 3] = 0;
  }

  /** False for an entry whose flags no 32 bits hold. */
  protected readEntry(base: number, index: number): boolean {
    const at = base + (index & this.mask) * ENTRY_WORDS;
    this.gpa = (this.words[at + 1] >>> 0) * TWO_32 + (this.words[at] >>> 0);
    this.entryFlags = this.words[at + 2];
    return this.words[at + 3] === 0;
  }
}

/** KVM's end: publishes faults, drains completions. Its own indices are not in the page, where user space could write them. */
export class SharedPageKernelEnd extends SharedPageEnd {
  /** Fills the header, as on registration. */
  initialize(): void {
    this.words.fill(0, 0, SHARED_PAGE_WORDS);
    this.store(VERSION, KVM_APF_SHARED_VERSION);
    this.store(RING_SIZE, this.entries);
    this.store(ENTRY_SIZE, KVM_APF_ENTRY_SIZE);
  }

  /**
   * True when `head`, KVM's own index of the notification ring, is a ring's length ahead of what the handler has taken.
   * A tail that the handler made up counts as full or as room; the entry is written inside the ring all the same.
   */
  isNotifyFull(head: number): boolean {
    return (head - this.load(NOTIFY_TAIL)) >>> 0 >= this.entries;
  }

  /** Writes entry `head` of the notification ring, then publishes it. */
  publish(head: number, gpa: number, flags: number): void {
    this.writeEntry(NOTIFY_ENTRIES, head, gpa, flags);
    this.store(NOTIFY_HEAD, (head + 1) | 0);
  }

  /** Takes the handler's wish to be signalled: true for the one caller that is to do it. */
  testAndClearArmed(): boolean {
    return (Atomics.and(this.words, FLAGS, ~KVM_APF_SHARED_FLAG_NOTIFY_ARMED) & KVM_APF_SHARED_FLAG_NOTIFY_ARMED) !== 0;
  }

  /** Completions from `tail`, KVM's own index, on; a number above the ring's length when user space made the index up. */
  completionsFrom(tail: number): number {
    return (this.load(COMPLETE_HEAD) - tail) >>> 0;
  }

  /** Reads completion `tail`; false for one whose flags are not all zero. */
  readCompletion(tail: number): boolean {
    return this.readEntry(COMPLETE_ENTRIES, tail) && this.entryFlags === 0;
  }

  /** Publishes how far completions were taken. */
  setCompleteTail(tail: number): void {
    this.store(COMPLETE_TAIL, tail | 0);
  }

  /** Where user space says the completion ring's head is. */
  get completeHead(): number {
    return this.load(COMPLETE_HEAD);
  }
}

/** The handler's end, in whatever process maps the page: takes faults, pushes completions. One thread at a time. */
export class SharedPageHandlerEnd extends SharedPageEnd {
  private taken = this.load(NOTIFY_TAIL);
  private pushed = this.load(COMPLETE_HEAD);

  /** Whether version, ring and entry sizes are those that this code knows. */
  get isKnown(): boolean {
    return this.load(VERSION) === KVM_APF_SHARED_VERSION && this.load(RING_SIZE) === this.entries && this.load(ENTRY_SIZE) === KVM_APF_ENTRY_SIZE;
  }

  /**
   * True when the ring's head is nowhere KVM could have put it: somebody else wrote it. KVM writes it anew with the next fault, so that this passes;
   * until then {@link take} finds nothing and {@link arm} lets the caller sleep.
   */
  get isBroken(): boolean {
    return this.available > this.entries;
  }

  /** Takes the oldest fault into {@link gpa}; false when there is none. */
  take(): boolean {
    const { available } = this;
    // KVM never runs ahead of the tail by more than the ring: another index is not KVM's.
    if (available === 0 || available > this.entries) return false;
    this.readEntry(NOTIFY_ENTRIES, this.taken);
    this.taken = (this.taken + 1) | 0;
    this.store(NOTIFY_TAIL, this.taken);
    return true;
  }

  /**
   * Asks for a signal at the next fault, then looks once more, so that none is missed.
   * @returns true when the caller may sleep; false when faults are there already
   */
  arm(): boolean {
    Atomics.or(this.words, FLAGS, KVM_APF_SHARED_FLAG_NOTIFY_ARMED);
    if (this.available === 0 || this.isBroken) return true;
    Atomics.and(this.words, FLAGS, ~KVM_APF_SHARED_FLAG_NOTIFY_ARMED);
    return false;
  }

  /** Pushes a completion, to be followed by a write to the completion eventfd; false when KVM has not taken a ring's length of them yet. */
  complete(gpa: number): boolean {
    if ((this.pushed - this.load(COMPLETE_TAIL)) >>> 0 >= this.entries) return false;
    this.writeEntry(COMPLETE_ENTRIES, this.pushed, gpa, 0);
    this.pushed = (this.pushed + 1) | 0;
    this.store(COMPLETE_HEAD, this.pushed);
    return true;
  }

  private get available(): number {
    return (this.load(NOTIFY_HEAD) - this.taken) >>> 0;
  }
}
