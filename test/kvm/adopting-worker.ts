/** A vCPU Worker: adopts the VM in `workerData`, runs a vCPU to its first exit and posts what it saw. */
import { parentPort, workerData } from 'node:worker_threads';
import { Vm, type VcpuExit } from '../../lib/kvm/index.js';
import { nativeAddon } from '../../lib/native/index.js';
import { bootRealMode, runToExit } from './guests.js';

/** What the Worker posts. */
export interface WorkerResult {
  readonly exit: VcpuExit;
  readonly threadId: number;
  readonly vcpuThreadId: number;
}

const vm = Vm.adopt(workerData as number);
const vcpu = vm.createVcpu(0);
bootRealMode({ vcpu });
const result: WorkerResult = { exit: runToExit(vcpu), threadId: nativeAddon().threadId(), vcpuThreadId: vcpu.threadId };
vcpu.close();
vm.close();
parentPort?.postMessage(result);
