/** What the host does to a DAX window, at random; and what the guest may then expect of each page. No I/O. */
import { randomWords } from '../../../lib/bench/random.js';
import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../../lib/uapi/index.js';

/** Pages of the window: what the checkers' code is made for. */
export const PAGE_COUNT = 64;

/** One operation. Pages of the window. */
export type Operation =
  /** The file ends `bytes` bytes into page `end`; `other` descriptor or the window's own. */
  | { readonly kind: 'truncate' | 'extend'; readonly end: number; readonly bytes: number; readonly other: boolean }
  | { readonly kind: 'punch'; readonly page: number; readonly count: number }
  | { readonly kind: 'protect'; readonly page: number; readonly count: number; readonly prot: number }
  | { readonly kind: 'poison' | 'cure'; readonly page: number }
  /** Another file, of `end` pages. */
  | { readonly kind: 'replace'; readonly end: number }
  /** New contents. */
  | { readonly kind: 'write'; readonly page: number; readonly count: number }
  /** Everything is there, and stays until each vCPU has looked. */
  | { readonly kind: 'heal' };

/** How often a `heal` comes. */
export const HEAL_EVERY = 64;

/** Operation `index` of a seed: it depends on these two alone, so that any part of a run is a run. */
export function operationAt(seed: number, index: number): Operation {
  if (index % HEAL_EVERY === HEAL_EVERY - 1) return { kind: 'heal' };
  const words = randomWords(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  // Neighbouring seeds of xorshift resemble each other at first.
  for (let i = 0; i < 4; i++) words();
  const below = (bound: number): number => (words() >>> 4) % bound;
  const page = below(PAGE_COUNT);
  const count = 1 + below(Math.min(8, PAGE_COUNT - page));
  const [prot] = [[PROT_NONE], [PROT_READ], [PROT_READ | PROT_WRITE]][below(3)];
  const choice = below(32);
  if (choice < 7) return { kind: 'truncate', end: page, bytes: below(2) * below(PAGE_SIZE), other: below(2) === 0 };
  if (choice < 13) return { kind: 'extend', end: page + count, bytes: 0, other: below(2) === 0 };
  if (choice < 17) return { kind: 'punch', page, count };
  if (choice < 22) return { kind: 'protect', page, count, prot };
  if (choice < 25) return { kind: 'poison', page };
  if (choice < 27) return { kind: 'cure', page };
  if (choice < 28) return { kind: 'replace', end: below(2) === 0 ? PAGE_COUNT : page };
  return { kind: 'write', page, count };
}

/** What may be done to a page now. */
export const LOST = 0;
export const READABLE = 1;
export const WRITABLE = 2;

/** A page as the guest is to find it. */
export interface PageModel {
  /** Every word of it is this number xor the word's address; 0 for a page of zeroes. */
  key: number;
  prot: number;
  poisoned: boolean;
}

/** The window as the guest is to find it. */
export class WindowModel {
  readonly pages: PageModel[] = Array.from({ length: PAGE_COUNT }, () => ({ key: 0, prot: PROT_READ | PROT_WRITE, poisoned: false }));
  /** Pages that the file has. */
  end = PAGE_COUNT;

  /** LOST, READABLE or WRITABLE. */
  stateOf(page: number): number {
    const { prot, poisoned } = this.pages[page];
    if (page >= this.end || poisoned || prot === PROT_NONE) return LOST;
    return (prot & PROT_WRITE) === 0 ? READABLE : WRITABLE;
  }
}
