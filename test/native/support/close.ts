import type { NativeHandle } from '../../../lib/native/index.js';

/** Closes what a hook opened - or did not, because it skipped the suite before. */
export function closeIfOpened(handle: NativeHandle | undefined): void {
  handle?.close();
}
