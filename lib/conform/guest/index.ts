/** The guest that the suite runs. */
export { RET, VALUE_OFFSET } from './code.js';
export { GuestVcpu, type GuestAccess, type GuestTask, type RunHooks } from './guest-vcpu.js';
export { GuestMemory, MOST_VCPUS, WINDOW_GPA, WINDOW_PAGES } from './memory.js';
export { describeStop, type GuestEvent, type GuestStop } from './stop.js';
