/** The helper thread: does what a vCPU's thread cannot do while it is in KVM_RUN. */
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { describeError } from '../../errors/index.js';
import { Vm } from '../../kvm/index.js';
import { nativeAddon } from '../../native/index.js';
import { PAGE_SIZE, UffdMessages } from '../../uapi/index.js';
import type { FaultingThread, HelperAnswer, HelperTask } from './task.js';

/** How often the order to stop is looked at. */
const READ_SLICE_NS = 5e6;

type TaskOf<Kind extends HelperTask['kind']> = Extract<HelperTask, { kind: Kind }>;

function threadName(threadId: number): string {
  try {
    return readFileSync(`/proc/${threadId}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

function serveUserfaultfd({ userfaultfdShare, mappingShare, stop }: TaskOf<'serveUserfaultfd'>): HelperAnswer {
  const { Userfaultfd, Mapping } = nativeAddon();
  const uffd = Userfaultfd.adopt(userfaultfdShare);
  const mapping = Mapping.adopt(mappingShare);
  try {
    const messages = new UffdMessages(4);
    const faults: FaultingThread[] = [];
    while (Atomics.load(stop, 0) === 0) {
      const count = uffd.read(messages.bytes, READ_SLICE_NS);
      for (let at = 0; at < count; at++) {
        if (!messages.isPagefault(at)) continue;
        const threadId = messages.ptid(at);
        // A worker of the kernel may go as soon as it has its page.
        faults.push({ threadId, name: threadName(threadId) });
        const offset = Number(messages.addressBigint(at) - mapping.hva);
        uffd.zeropage(mapping, offset - (offset % PAGE_SIZE), PAGE_SIZE, 0);
      }
    }
    return { kind: 'serveUserfaultfd', faults };
  } finally {
    mapping.close();
    uffd.close();
  }
}

function signalMsi({ vmShare, msi, delayMs }: TaskOf<'signalMsi'>): HelperAnswer {
  const vm = Vm.adopt(vmShare);
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs);
    return { kind: 'signalMsi', result: vm.signalMsi(msi) };
  } finally {
    vm.close();
  }
}

function perform(task: HelperTask): HelperAnswer {
  try {
    return task.kind === 'serveUserfaultfd' ? serveUserfaultfd(task) : signalMsi(task);
  } catch (error) {
    return { kind: 'failed', message: describeError(error) };
  }
}

parentPort?.on('message', (task: HelperTask) => parentPort?.postMessage(perform(task)));
parentPort?.postMessage({ kind: 'ready' } satisfies HelperAnswer);
