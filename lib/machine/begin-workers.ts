/** Makes the threads of a machine. */
import type { CheckedOptions } from './options.js';
import { SupervisedWorker } from './supervised-worker.js';

/**
 * The machine's threads, vCPUs first; none of them knows yet what to do.
 * @param workers - gets them one by one: where one cannot be made, those before it are there to be ended
 * @throws Error `ERR_WORKER_INIT_FAILED` where the process may have no more threads
 */
export function beginWorkers({ vcpus, resolvers }: CheckedOptions, workers: SupervisedWorker[]): void {
  const begin = (count: number, role: string, module: string): void => {
    for (let index = 0; index < count; index++) workers.push(new SupervisedWorker(`${role} ${index}`, new URL(module, import.meta.url)));
  };
  begin(vcpus, 'vCPU', './vcpu-worker.js');
  begin(resolvers, 'resolver', './resolver-worker.js');
}
