/** Rules of the profile; the cases of the conformance suite have their ids. */
import type { UapiRule } from '../profile.js';

/** See the module's comment. */
export const stockRules: readonly UapiRule[] = [];

/** What an emulation on a stock kernel cannot show. */
export const stockNotReproduced: readonly string[] = [];
