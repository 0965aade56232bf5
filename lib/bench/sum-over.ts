/** The sum of `value` over `items`: counts of all vCPUs, mostly. */
export function sumOver<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
