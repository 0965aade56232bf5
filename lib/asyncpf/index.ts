/** KVM's paravirtual async page fault protocol: the host's end as a state machine, and the way of ready events to the guest. */
export { AsyncPfHost, type WaitReason } from './async-pf-host.js';
export { ModelLock } from './model-lock.js';
export { READY_QUEUE_WORDS, ReadyQueue, type ReadyDelivery } from './ready-queue.js';
export { GENERATIONS, MOST_TAG_VCPUS, SYNC_TAG, asyncTag, isAsyncTag, tagGeneration, tagToken, tagVcpu } from './request-tag.js';
