/** Coded errors: what was tried, what happened, what the user can do. */
export * from './errno.js';
export { FaultLabError, type FaultLabErrorDetails } from './fault-lab-error.js';
export { hintFor, type HintedCode } from './hints.js';
export { attempt, fromNative, isCoded } from './from-native.js';
export { describe } from './describe.js';
