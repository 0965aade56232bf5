/** Search in ascending numbers. */

/** How many of the numbers are below `value`: the index of the first that is not, or their count. */
export function lowerBound(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
