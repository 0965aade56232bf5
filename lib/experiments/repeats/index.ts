/** Two runs of the same experiments: whether the second repeats the first. Nothing here does I/O. */
export { REPEATS_VERSION, compareRepeats, type NamedRun, type RepeatOptions, type RepeatedAnswer, type RepeatedFigure, type RepeatedValue, type Repeats } from './compare.js';
export { parseRun, type RepeatedExperiment, type RepeatedRun } from './parse.js';
export { renderRepeats } from './render.js';
