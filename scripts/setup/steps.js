/** The steps from a clone to something that runs, in order. */
import { guestStep } from './guest-step.js';
import { nativeStep } from './native-step.js';
import { packagesStep } from './packages-step.js';
import { typescriptStep } from './typescript-step.js';

/**
 * @typedef {object} Step
 * @property {'packages' | 'native' | 'guest' | 'typescript'} name its stamp's name
 * @property {string} label what a progress line calls it
 * @property {() => string} fingerprint what its result depends on
 * @property {() => boolean} isCurrent whether its results exist at all; the stamp says what they were made from
 * @property {() => Promise<void>} run does it; throws SetupFailure
 */

/** @type {readonly Step[]} */
export const STEPS = [packagesStep, nativeStep, guestStep, typescriptStep];
