/** uAPI that is not merged: each proposal as data, with its semantics as a pure state machine. No I/O. */
export { ApfQueue, ItemState } from './apf-queue.js';
export * from './async-pf-userfault-2026/constants.js';
export * from './async-pf-userfault-2026/layouts.js';
export { AsyncPfUserfaultModel, type ApfEventfds, type AsyncPfRequest } from './async-pf-userfault-2026/model.js';
export { SHARED_PAGE_WORDS, SharedPageHandlerEnd, SharedPageKernelEnd } from './async-pf-userfault-2026/shared-page.js';
export { fullShape, gpaOf, isPageAligned, pageOf, type FullModelShape, type ModelShape } from './model-shape.js';
export * from './profile.js';
export { FaultAction, ProposalModel, type CompletionKey } from './proposal-model.js';
export { SlotModel } from './slot-model.js';
export * from './userfault/constants.js';
export * from './userfault/layouts.js';
export { UserfaultModel } from './userfault/model.js';
