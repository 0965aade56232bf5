/** The conformance suite: every rule of a proposal as a case that a kernel, or a model of it, is held to. */
export { CaseFailure, CaseSkip, type CaseContext, type ConformanceCase } from './case.js';
export { casesOf } from './cases/index.js';
export { ktapHeader, ktapResult } from './ktap.js';
export { conformReport, type ConformReport } from './report.js';
export { planCases, runCase, type CaseResult, type PlannedCase } from './suite.js';
export { loadProfile } from './load-profile.js';
export type { LoadedProfile } from './targets/emulated/emulated-vm.js';
export { chooseTarget, isTargetChoice, TARGET_CHOICES, type ChosenTarget, type TargetChoice } from './targets/choose-target.js';
export { EmulatedTarget, NativeTarget } from './targets/target.js';
export type { ConformanceTarget, ConformanceVm } from './vm.js';
