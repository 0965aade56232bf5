/** Looks for a short run that fails as a long one did. Races make failures uncertain: what failed once may take another try. */

/** Operations `from` to `to` (the one behind the last). */
export interface Range {
  readonly from: number;
  readonly to: number;
}

const FACTOR = 4;
const TRIES = 2;

/**
 * The shortest run that ends with operation `at` and fails, among those of 1, 4, 16, ... operations.
 * @param whole - the run that failed
 * @param fails - runs a part of it, and says whether that fails too
 * @returns `whole`, up to `at`, where no shorter one does
 */
export async function shrink(whole: Range, at: number, fails: (range: Range) => Promise<boolean>): Promise<Range> {
  const to = Math.min(at + 1, whole.to);
  for (let length = 1; to - length > whole.from; length *= FACTOR) {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const range = { from: to - length, to };
      if (await fails(range)) return range;
    }
  }
  return { from: whole.from, to };
}
