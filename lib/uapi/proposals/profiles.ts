/** All profiles by name. */
import { asyncPfUserProfile } from './async-pf-user-2024/profile.js';
import { asyncPfUserfaultProfile } from './async-pf-userfault-2026/profile.js';
import type { UapiName, UapiProfile } from './profile.js';
import { stockProfile } from './stock/profile.js';
import { syncAsyncTwoBitProfile } from './sync-async-2bit/profile.js';
import { userfaultProfile } from './userfault/profile.js';

/** See the module's comment. */
export const UAPI_PROFILES: Readonly<Record<UapiName, UapiProfile>> = {
  stock: stockProfile,
  userfault: userfaultProfile,
  'async-pf-user-2024': asyncPfUserProfile,
  'async-pf-userfault-2026': asyncPfUserfaultProfile,
  'sync-async-2bit': syncAsyncTwoBitProfile,
};
