/** Profiles together with the module that they come from. */
import * as proposals from '../uapi/proposals/index.js';
import type { UapiName } from '../uapi/proposals/index.js';
import type { LoadedProfile } from './targets/emulated/emulated-vm.js';

/** The project's own profile of this name. */
export function loadProfile(name: UapiName): LoadedProfile {
  return { profile: proposals.UAPI_PROFILES[name], proposals, url: new URL('../uapi/proposals/index.js', import.meta.url).href };
}
