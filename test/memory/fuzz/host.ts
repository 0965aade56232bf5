/** The host's side: does an operation to the window, and keeps the guest's table in step. */
import { constants } from 'node:fs';
import { isCoded } from '../../../lib/errors/index.js';
import { nativeAddon } from '../../../lib/native/index.js';
import type { DaxWindow, SystemRam } from '../../../lib/memory/index.js';
import { addresses } from '../../../lib/probes/index.js';
import { PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../../lib/uapi/index.js';
import { ENTRY_BYTES, OWN_BYTES, TABLE } from './checker.js';
import { PAGE_COUNT, WindowModel, type Operation } from './operations.js';

/** See the module's comment. */
export class FuzzHost {
  private readonly model = new WindowModel();
  private readonly contents = new Uint32Array(PAGE_SIZE / 4);
  private readonly contentBytes = new Uint8Array(this.contents.buffer);
  private lastKey = 0;

  constructor(
    private readonly window: DaxWindow,
    private readonly ram: SystemRam,
    private readonly canPoison: boolean,
  ) {
    this.change(0, PAGE_COUNT, () => {
      this.fill(0, PAGE_COUNT);
    });
  }

  /** Does it, as far as it applies. */
  do(operation: Operation): void {
    switch (operation.kind) {
      case 'truncate':
        if (operation.end < this.model.end) this.truncate(operation.end, operation.bytes, operation.other);
        return;
      case 'extend':
        if (operation.end > this.model.end) this.extend(operation.end, operation.other);
        return;
      case 'punch':
        this.punch(operation.page, operation.count);
        return;
      case 'protect':
        this.protect(operation.page, operation.count, operation.prot);
        return;
      case 'poison':
        this.poison(operation.page);
        return;
      case 'cure':
        if (operation.page < this.model.end) this.cure(operation.page);
        return;
      case 'replace':
        this.replace(operation.end);
        return;
      case 'write': {
        const count = Math.min(operation.page + operation.count, this.model.end) - operation.page;
        if (count > 0) this.change(operation.page, count, () => { this.fill(operation.page, count); });
        return;
      }
      case 'heal':
        this.heal();
    }
  }

  /** Everything is there. */
  heal(): void {
    this.extend(PAGE_COUNT, false);
    this.protect(0, PAGE_COUNT, PROT_READ | PROT_WRITE);
    for (let page = 0; page < PAGE_COUNT; page++) this.cure(page);
  }

  /** Changes a byte, or takes a page, and tells nobody: what the checkers are there to find. */
  sabotage(how: 'byte' | 'page'): void {
    this.heal();
    if (how === 'page') this.window.protect(5 * PAGE_SIZE, PAGE_SIZE, PROT_READ);
    else {
      const byte = new Uint8Array(1);
      this.window.read(5 * PAGE_SIZE + 1000, byte);
      byte[0] ^= 0x10;
      this.window.write(5 * PAGE_SIZE + 1000, byte);
    }
  }

  private truncate(end: number, bytes: number, other: boolean): void {
    const kept = end + (bytes > 0 ? 1 : 0);
    this.change(end, this.model.end - end, () => {
      this.setLength(end * PAGE_SIZE + bytes, other);
      // The kernel zeroes what is behind the end in the last page; so that the rest is like it.
      if (bytes > 0) this.window.write(end * PAGE_SIZE, new Uint8Array(bytes));
      for (const page of this.model.pages.slice(end)) page.key = 0;
      this.model.end = kept;
    });
  }

  private extend(end: number, other: boolean): void {
    const from = this.model.end;
    this.change(from, end - from, () => {
      this.setLength(end * PAGE_SIZE, other);
      // Whether a mark in the page tables outlives its page is the kernel's business.
      for (let page = from; page < end; page++) {
        if (!this.model.pages[page].poisoned) continue;
        this.window.cure(page * PAGE_SIZE);
        this.model.pages[page].poisoned = false;
      }
      this.model.end = end;
    });
  }

  private punch(page: number, count: number): void {
    // As with `extend`.
    if (this.model.pages.slice(page, page + count).some(({ poisoned }) => poisoned)) return;
    this.change(page, count, () => {
      this.window.punch(page * PAGE_SIZE, count * PAGE_SIZE);
      for (const punched of this.model.pages.slice(page, page + count)) punched.key = 0;
    });
  }

  private protect(page: number, count: number, prot: number): void {
    this.change(page, count, () => {
      this.window.protect(page * PAGE_SIZE, count * PAGE_SIZE, prot);
      for (const changed of this.model.pages.slice(page, page + count)) changed.prot = prot;
    });
  }

  private poison(page: number): void {
    if (!this.canPoison || page >= this.model.end || this.model.pages[page].poisoned) return;
    this.change(page, 1, () => {
      try {
        this.window.poison(page * PAGE_SIZE);
        this.model.pages[page].poisoned = true;
      } catch (error) {
        // A vCPU was quicker: the page is as it was.
        if (!isCoded(error) || error.code !== 'PAGE_RACED') throw error;
      }
    });
  }

  private cure(page: number): void {
    if (!this.model.pages[page].poisoned) return;
    this.change(page, 1, () => {
      this.window.cure(page * PAGE_SIZE);
      this.model.pages[page].poisoned = false;
    });
  }

  private replace(end: number): void {
    this.change(0, PAGE_COUNT, () => {
      this.window.replace({ memfdBytes: end * PAGE_SIZE });
      this.model.end = end;
      for (const page of this.model.pages) Object.assign(page, { key: 0, prot: PROT_READ | PROT_WRITE, poisoned: false });
      this.fill(0, end);
    });
  }

  private setLength(bytes: number, other: boolean): void {
    if (!other) {
      this.window.truncate(bytes);
      return;
    }
    const file = nativeAddon().File.open(`/proc/self/fd/${this.window.file.fd}`, constants.O_RDWR);
    try {
      file.ftruncate(bytes);
    } finally {
      file.close();
    }
  }

  private fill(page: number, count: number): void {
    for (let at = page; at < page + count; at++) {
      const key = ++this.lastKey;
      const base = addresses.page + at * PAGE_SIZE;
      for (let byte = 0; byte < PAGE_SIZE; byte += 8) {
        this.contents[byte / 4] = key ^ (base + byte);
        this.contents[byte / 4 + 1] = 0;
      }
      this.window.write(at * PAGE_SIZE + OWN_BYTES, this.contentBytes.subarray(OWN_BYTES));
      this.model.pages[at].key = key;
    }
  }

  /** Marks pages as changing, changes them, and says what they are now. */
  private change(page: number, count: number, action: () => void): void {
    const { words } = this.ram;
    const entry = (at: number): number => (TABLE + at * ENTRY_BYTES) / 4;
    for (let at = page; at < page + count; at++) Atomics.add(words, entry(at), 1);
    action();
    for (let at = page; at < page + count; at++) {
      Atomics.store(words, entry(at) + 1, this.model.stateOf(at));
      Atomics.store(words, entry(at) + 2, this.model.pages[at].key);
      Atomics.add(words, entry(at), 1);
    }
  }
}
