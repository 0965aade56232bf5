/** Exploration of the proposals' models: a small world around KVM's half, every interleaving of it, and what must hold in all of them. No I/O. */
export { explore, type Exploration, type ExploreLimits } from './explore.js';
export { FINDINGS, findingsOn, lookFor, type Finding, type FindingResult } from './findings.js';
export { describeMistake, mistakesOf, type Mistake } from './mistakes.js';
export { allScenarios, hasAsyncFaults, scenariosOf, type Scenario } from './scenarios.js';
export { renderTrace, replay, type Trace } from './trace.js';
export { walk, type Walk } from './walk.js';
export { World, type TraceStep, type Violation } from './world.js';
export * from './world-config.js';
