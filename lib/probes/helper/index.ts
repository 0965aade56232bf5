/** A second thread for experiments in which something must happen while a vCPU runs. */
export { HelperThread } from './helper-thread.js';
export type { FaultingThread } from './task.js';
