/** Profiles together with the module that they come from. */
import * as proposals from '../uapi/proposals/index.js';
import type { UapiName, UapiProfile } from '../uapi/proposals/index.js';
import type { LoadedProfile } from './targets/emulated/emulated-vm.js';

/**
 * The project's own profile of this name.
 * @param profile - the same with other capability numbers
 */
export function loadProfile(name: UapiName, profile: UapiProfile = proposals.UAPI_PROFILES[name]): LoadedProfile {
  return { profile, proposals, url: new URL('../uapi/proposals/index.js', import.meta.url).href };
}
