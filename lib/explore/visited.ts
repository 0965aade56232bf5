/**
 * The set of states that were met, each as 64 bits of hash and the step that led there. States themselves are not kept: two of a million
 * states would be taken for one with a probability below one in ten million, and steps can be taken again to get a state back.
 */

const MOST = 2 ** 26;

/** See the module's comment. */
export class VisitedStates {
  private count = 0;
  private table = new Int32Array(1 << 16);
  private low = new Int32Array(1 << 15);
  private high = new Int32Array(1 << 15);
  private parents = new Int32Array(1 << 15);
  private actions = new Int32Array(1 << 15);

  /** Number of states met. */
  get size(): number {
    return this.count;
  }

  /**
   * Notes a state.
   * @param words - that hold it, from `at` on
   * @param parent - number of the state that it was reached from; -1 for the first
   * @param action - that led there
   * @returns its number if it is new; -1 - number when it was met before
   */
  add(words: Int32Array, at: number, length: number, parent: number, action: number): number {
    let low = 0x9e3779b9 | 0;
    let high = 0x85ebca6b | 0;
    for (let i = at; i < at + length; i++) {
      const word = words[i];
      low = Math.imul(low ^ word, 0x01000193) + ((low >>> 15) ^ high) | 0;
      high = Math.imul(high + word, 0xcc9e2d51 | 0);
      high = ((high << 13) | (high >>> 19)) ^ low;
    }
    low = finish(low);
    high = finish(high ^ (low >>> 7));
    let slot = low & (this.table.length - 1);
    for (;;) {
      const found = this.table[slot];
      if (found === 0) break;
      if (this.low[found - 1] === low && this.high[found - 1] === high) return -found;
      slot = (slot + 1) & (this.table.length - 1);
    }
    if (this.count === this.low.length) this.grow();
    const id = this.count++;
    this.low[id] = low;
    this.high[id] = high;
    this.parents[id] = parent;
    this.actions[id] = action;
    this.table[slot] = this.count;
    if (this.count * 2 > this.table.length) this.rehash();
    return id;
  }

  /** Number of the state that this one was first reached from, or -1. */
  parent(id: number): number {
    return this.parents[id];
  }

  /** Actions that lead from the first state to this one, in as few steps as there can be. */
  path(id: number): number[] {
    const path: number[] = [];
    for (let at = id; this.parents[at] >= 0; at = this.parents[at]) path.push(this.actions[at]);
    return path.reverse();
  }

  private grow(): void {
    if (this.count * 2 > MOST) throw new RangeError(`more than ${this.count} states`);
    const larger = (array: Int32Array): Int32Array<ArrayBuffer> => {
      const next = new Int32Array(array.length * 2);
      next.set(array);
      return next;
    };
    this.low = larger(this.low);
    this.high = larger(this.high);
    this.parents = larger(this.parents);
    this.actions = larger(this.actions);
  }

  private rehash(): void {
    this.table = new Int32Array(this.table.length * 2);
    for (let id = 0; id < this.count; id++) {
      let slot = this.low[id] & (this.table.length - 1);
      while (this.table[slot] !== 0) slot = (slot + 1) & (this.table.length - 1);
      this.table[slot] = id + 1;
    }
  }
}

function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}
