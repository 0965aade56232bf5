/** A second thread, for what must happen while a vCPU runs. */
export { OtherThread } from './other-thread.js';
export type { ProvideTask } from './task.js';
