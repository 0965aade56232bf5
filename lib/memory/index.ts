/** Guest memory: addresses, ordinary RAM, the demand-paged window with its two views, the DAX window onto a file, the userfault bitmap. */
export { gpaNumber, type GpaNumber } from './address.js';
export { DaxWindow, type DaxSource, type DaxWindowShare, type LossCause } from './dax-window.js';
export { gpaOfHva, guestRange, type GuestRange } from './guest-range.js';
export { protectionAt } from './host-protection.js';
export { INTERCEPT_ASYNC, INTERCEPT_SYNC, InterceptedPages, interceptedPagesSizeBytes } from './intercepted-pages.js';
export { PagedWindow, type PagedWindowShare } from './paged-window.js';
export { SystemRam, pageAlign, type SystemRamShare } from './system-ram.js';
export { TruncationGuard, type GuardedWindow } from './truncation-guard.js';
export { UserfaultBitmap, userfaultBitmapSizeBytes } from './userfault-bitmap.js';
