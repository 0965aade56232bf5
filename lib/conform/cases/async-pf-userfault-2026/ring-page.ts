/** The shared page of the exitless rings as a handler sees it, by its offsets: written out here, and nowhere asked for. */
import type { CaseContext } from '../../case.js';
import type { CaseEventfd, VmOptions } from '../../vm.js';
import { AsyncSteps } from '../async/protocol.js';
import { isNotPresent } from '../steps.js';
import { I4 } from './protocol.js';

/** Offsets of words, in words. */
export const Word = { VERSION: 0, RING_SIZE: 1, ENTRY_SIZE: 2, FLAGS: 3, NOTIFY_HEAD: 16, NOTIFY_TAIL: 32, NOTIFY_ENTRIES: 48, COMPLETE_HEAD: 304, COMPLETE_TAIL: 320, COMPLETE_ENTRIES: 336 } as const;
/** NOTIFY_ARMED of the header's flags. */
export const ARMED = 1;
/** Entries of a ring. */
export const ENTRIES = 64;
const ENTRY_WORDS = 4;

/** An entry. */
export interface RingEntry {
  readonly gpa: number;
  readonly flags: number;
}

/** A vCPU with rings, and its handler. */
export class RingSteps extends AsyncSteps {
  readonly words: Int32Array;
  readonly notify: CaseEventfd;
  readonly completion: CaseEventfd;

  constructor(context: CaseContext, options: VmOptions & { readonly pages?: number } = {}) {
    super(context, I4, options);
    this.notify = this.vm.eventfd();
    this.completion = this.vm.eventfd();
    this.register();
    this.words = this.vm.vcpus[0].user.sharedPage();
  }

  /** KVM_SET_APF_EVENTFD. */
  register(): void {
    this.context.errno('the eventfds are registered', this.vm.vcpus[0].user.setEventfds({ fd: this.notify.fd, completeFd: this.completion.fd }), 0);
  }

  /** A word, unsigned. */
  word(at: number): number {
    return Atomics.load(this.words, at) >>> 0;
  }

  /** Writes a word, whoever's it is. */
  setWord(at: number, value: number): void {
    Atomics.store(this.words, at, value | 0);
  }

  /** An entry of the notification ring, by its place. */
  entry(place: number): RingEntry {
    const at = Word.NOTIFY_ENTRIES + place * ENTRY_WORDS;
    return { gpa: this.word(at + 1) * 2 ** 32 + this.word(at), flags: this.word(at + 2) };
  }

  /** The guest touches a page: no exit, the not-present event, and an entry at the index that is due. */
  published(page: number, token: number, index: number): void {
    const { guest } = this.vm.vcpus[0];
    guest.begin({ kind: 'load', page });
    isNotPresent(this.context, guest.run(), token);
    this.context.equal('notify.head', this.word(Word.NOTIFY_HEAD), index + 1);
    const { gpa, flags } = this.entry(index % ENTRIES);
    this.context.equal(`gpa of entry ${index % ENTRIES}`, gpa, this.vm.gpaOf(page));
    this.context.equal(`flags of entry ${index % ENTRIES}`, flags, 0x30);
  }

  /** The handler has taken every entry. */
  takeAll(): void {
    this.setWord(Word.NOTIFY_TAIL, this.word(Word.NOTIFY_HEAD));
  }

  /** Pushes a completion, and does not signal it. */
  push(gpa: number, flags = 0): void {
    const head = this.word(Word.COMPLETE_HEAD);
    const at = Word.COMPLETE_ENTRIES + (head % ENTRIES) * ENTRY_WORDS;
    this.setWord(at, gpa % 2 ** 32);
    this.setWord(at + 1, Math.floor(gpa / 2 ** 32));
    this.setWord(at + 2, flags);
    this.setWord(at + 3, 0);
    this.setWord(Word.COMPLETE_HEAD, head + 1);
  }

  /** Signals completions, and waits until KVM has taken all of the ring. */
  async drain(): Promise<void> {
    this.completion.signal();
    await this.context.until('complete.tail is complete.head after a write to the completion eventfd', () => this.word(Word.COMPLETE_TAIL) === this.word(Word.COMPLETE_HEAD));
  }
}
