/**
 * Takes from the guest, by mprotect(2), the part of a DAX window that its file does not reach. An access there then fails at once, whether or not KVM would have waited for the page: a page
 * without permission is none that "may come later" to KVM, and comes out of KVM_RUN as EFAULT also where async page faults or synthetic halts are on.
 */
import { PROT_NONE, PROT_READ, PROT_WRITE } from '../uapi/index.js';
import type { DaxWindow } from './dax-window.js';

/** What the guard does to a window. */
export type GuardedWindow = Pick<DaxWindow, 'sizeBytes' | 'backedBytes' | 'protect'>;

/** See the module's comment. One for each window; whoever uses it leaves the protection of the window to it. */
export class TruncationGuard {
  /** Everything from here on is taken; the window's size for nothing. */
  private from: number;

  constructor(private readonly window: GuardedWindow) {
    this.from = window.sizeBytes;
  }

  /** Whether the guest has lost the page to this guard. Byte offset in the window. */
  covers(offset: number): boolean {
    return offset >= this.from;
  }

  /**
   * Follows the file: takes what it has lost, gives back what it has again. The file may change at any moment: what is lost between two calls
   * fails as it does without a guard, what comes back stays taken.
   * @returns whether anything changed
   * @throws FaultLabError what fstat(2) and mprotect(2) say
   */
  follow(): boolean {
    return this.take(this.window.backedBytes());
  }

  /** Takes the whole window. */
  takeAll(): void {
    this.take(0);
  }

  /** Gives everything back, whether the file has it or not. */
  release(): void {
    this.take(this.window.sizeBytes);
  }

  /** To be called when another file is behind the window: its mapping knows of no protection. */
  forget(): void {
    this.from = this.window.sizeBytes;
  }

  private take(from: number): boolean {
    const old = this.from;
    if (from === old) return false;
    if (from < old) this.window.protect(from, old - from, PROT_NONE);
    else this.window.protect(old, from - old, PROT_READ | PROT_WRITE);
    this.from = from;
    return true;
  }
}
