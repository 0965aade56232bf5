/** A page source without any storage: every page is zeroes. What remains of a fault is the fault. */
import type { PageSource, PageSourceModule } from './page-source.js';

/** Names the zero source to resolver Workers. */
export function zeroSource(): PageSourceModule {
  return { module: import.meta.url, options: null };
}

/** Entry point for resolver Workers. */
export function openPageSource(): PageSource {
  return { fill: () => undefined, close: () => undefined };
}
