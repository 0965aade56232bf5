/** Reproducible randomness: the same seed gives the same run. The generator is xorshift32 (Marsaglia, 2003). */

/** A stream of 32-bit words from a non-zero seed. */
export function randomWords(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}

/**
 * The order in which pages are visited.
 * @param kind - `seq`: ascending from page 0; `random`: a sample of the whole image, shuffled
 * @param pageCount - pages of the image
 * @param visited - pages to visit, at most `pageCount`
 */
export function visitingOrder(kind: 'seq' | 'random', pageCount: number, visited: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: kind === 'seq' ? visited : pageCount }, (_, page) => page);
  if (kind === 'seq') return order;
  const words = randomWords(seed);
  // Fisher-Yates, as far as needed.
  for (let i = 0; i < visited; i++) {
    const j = i + ((words() >>> 0) % (pageCount - i));
    const page = order[i];
    order[i] = order[j];
    order[j] = page;
  }
  return order.subarray(0, visited);
}
