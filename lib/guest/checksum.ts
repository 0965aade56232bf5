/**
 * The checksum of a page, as the guest computes it: two independent 32-bit FNV-1a lanes, one over the even and one over the odd words,
 * started from the page's index so that two pages swapped do not cancel out. This is the host's own computation, from the file.
 */
import { PAGE_SIZE } from '../uapi/index.js';

const OFFSET_BASIS = 2166136261;
const PRIME = 16777619;

/**
 * Checksum of one page.
 * @param words - at least `start` + 1024 little-endian words
 * @param start - index of the page's first word
 * @param page - its index in the window
 * @param into - receives the two lanes at `into[2 * page]` and `into[2 * page + 1]`: a little-endian u64 as the guest writes it
 */
export function checksumPage(words: Int32Array, start: number, page: number, into: Int32Array): void {
  let even = OFFSET_BASIS ^ page;
  let odd = OFFSET_BASIS ^ ~page;
  for (let i = start; i < start + PAGE_SIZE / 4; i += 2) {
    even = Math.imul(even ^ words[i], PRIME);
    odd = Math.imul(odd ^ words[i + 1], PRIME);
  }
  into[2 * page] = even;
  into[2 * page + 1] = odd;
}
