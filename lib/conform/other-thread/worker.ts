/** The suite's other thread: completes a fault of a vCPU that is in KVM_RUN meanwhile. */
import { parentPort } from 'node:worker_threads';
import { describeError } from '../../errors/index.js';
import { Vcpu, Vm } from '../../kvm/index.js';
import { SystemRam } from '../../memory/index.js';
import { nativeAddon } from '../../native/index.js';
import type * as Proposals from '../../uapi/proposals/index.js';
import { Baton } from '../targets/emulated/baton.js';
import { deliverReady } from '../targets/emulated/ready-events.js';
import type { EmulatedReadyTask, NativeReadyTask, ProvideTask, ThreadAnswer, ThreadTask } from './task.js';

/** Long enough for the vCPU to be in KVM_RUN; that it is shows nothing more than that it may be. */
const DELAY_MS = 5;

async function readyEmulated(task: EmulatedReadyTask): Promise<number> {
  const { UAPI_PROFILES } = (await import(task.proposalsUrl)) as typeof Proposals;
  const model = UAPI_PROFILES[task.profile].createModel(task.shape, task.words, task.sharedPages);
  const vm = Vm.adopt(task.vmShare);
  const ram = SystemRam.adopt(task.ramShare);
  const baton = new Baton(task.baton);
  try {
    baton.take();
    try {
      const errno = model.ready(task.vcpu, task.page, task.token);
      deliverReady(model, task.vcpu, vm, ram);
      return errno;
    } finally {
      baton.give();
      Vcpu.kick(task.vcpuShare);
    }
  } finally {
    ram.close();
    vm.close();
  }
}

function delay(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DELAY_MS);
}

function provide({ uffdShare, mappingShare, offset, contents }: ProvideTask): number {
  const { Userfaultfd, Mapping } = nativeAddon();
  const uffd = Userfaultfd.adopt(uffdShare);
  const mapping = Mapping.adopt(mappingShare);
  try {
    delay();
    const result = uffd.copy(mapping, offset, contents, 0);
    return result < 0 ? -result : 0;
  } finally {
    mapping.close();
    uffd.close();
  }
}

function readyNative({ vcpuShare, request, argument }: NativeReadyTask): number {
  delay();
  const result = nativeAddon().Vcpu.asyncIoctl(vcpuShare, request, argument);
  return result < 0 ? -result : 0;
}

async function perform(task: ThreadTask): Promise<ThreadAnswer> {
  try {
    switch (task.kind) {
      case 'emulated':
        return { kind: 'done', errno: await readyEmulated(task) };
      case 'native':
        return { kind: 'done', errno: readyNative(task) };
      case 'provide':
        return { kind: 'done', errno: provide(task) };
    }
  } catch (error) {
    return { kind: 'failed', message: describeError(error) };
  }
}

parentPort?.on('message', (task: ThreadTask) => {
  void perform(task).then((answer) => parentPort?.postMessage(answer));
});
parentPort?.postMessage({ kind: 'started' } satisfies ThreadAnswer);
