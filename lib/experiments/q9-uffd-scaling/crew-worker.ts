/** A Worker of a paging crew: a vCPU of its own, or a reader. */
import { parentPort } from 'node:worker_threads';
import { EAGAIN, EEXIST, EFAULT, EINTR, FaultLabError, describeError, errnoName } from '../../errors/index.js';
import { Kvm } from '../../kvm/index.js';
import { nativeAddon, type NativeMapping, type NativeUserfaultfd } from '../../native/index.js';
import { TinyGuest, patience } from '../../probes/index.js';
import { InterceptedPages } from '../../memory/index.js';
import { PAGE_SIZE, UFFDIO_ZEROPAGE_MODE_DONTWAKE, UffdMessages } from '../../uapi/index.js';
import { withAsyncPfGuest } from '../guests/async-pf-guest.js';
import { REGION_GPA, REGION_GUEST, Region } from '../guests/region-guest.js';
import type { CrewMessage, ReaderAnswer, ReaderTask, VcpuAnswer, VcpuTask } from './task.js';

const START_TIMEOUT_MS = 30_000;
const READ_SLICE_NS = 20e6;

function post(message: CrewMessage): void {
  parentPort?.postMessage(message);
}

async function runVcpu(task: VcpuTask): Promise<VcpuAnswer> {
  const addon = nativeAddon();
  const mapping = addon.Mapping.adopt(task.mappingShare);
  const userfaultfd = task.userfaultfdShare === null ? null : addon.Userfaultfd.adopt(task.userfaultfdShare);
  const kvm = Kvm.open();
  try {
    const body = (guest: TinyGuest, told: () => number): VcpuAnswer => {
      const region = new Region(guest, { mapping, offset: task.offset, sizeBytes: task.sizeBytes });
      region.slot();
      region.prepare();
      post({ kind: 'armed' });
      if (Atomics.wait(task.go, 0, 0, patience(START_TIMEOUT_MS)) === 'timed-out') throw new FaultLabError('EXPERIMENT_HELPER', 'a vCPU was never told to start');
      const startedAtNs = addon.monotonicNs();
      const exits = task.way === 'exit' && userfaultfd !== null ? runWithExits(region, mapping, userfaultfd, task.offset) : runThrough(guest);
      return { startedAtNs, endedAtNs: addon.monotonicNs(), exits, told: told() };
    };
    if (task.way === 'async') return await withAsyncPfGuest(kvm, { ...REGION_GUEST, sleeps: true }, (guest, counts) => body(guest, () => counts().notPresent));
    return await TinyGuest.with(kvm, { ...REGION_GUEST, apic: 'no-hlt-exits', interrupts: true }, (guest) => body(guest, () => 0));
  } finally {
    kvm.close();
    userfaultfd?.close();
    mapping.close();
  }
}

function runThrough(guest: TinyGuest): number {
  const end = guest.run();
  if (end.kind !== 'end') throw new FaultLabError('EXPERIMENT_GUEST', `the guest ended with '${end.kind}'`);
  return 0;
}

/** The loop of a VMM for which every page is an exit. Where an access failed is read from the guest's registers. */
function runWithExits({ guest: { vcpu }, pages }: Region, mapping: NativeMapping, userfaultfd: NativeUserfaultfd, offset: number): number {
  const missing = new InterceptedPages(new ArrayBuffer(Math.ceil(pages / 64) * 8), pages, 1);
  missing.setAll();
  for (let exits = 0; ; ) {
    const result = vcpu.run();
    if (result === -EINTR) continue;
    if (result !== -EFAULT) {
      if (vcpu.getRegs().number('rcx') !== 0) throw new FaultLabError('EXPERIMENT_GUEST', `KVM_RUN returned ${result} before the guest was done`);
      return exits;
    }
    const page = Math.floor((vcpu.getRegs().number('rbx') - REGION_GPA) / PAGE_SIZE);
    if (page < 0 || page >= pages || missing.bits(page) === 0) throw new FaultLabError('EXPERIMENT_GUEST', `KVM_RUN failed for page ${page}, which is not missing`);
    const filled = userfaultfd.zeropage(mapping, offset + page * PAGE_SIZE, PAGE_SIZE, UFFDIO_ZEROPAGE_MODE_DONTWAKE);
    if (filled !== PAGE_SIZE) throw new FaultLabError(`UFFD_${errnoName(-filled)}`, `page ${page} could not be put in place: ${errnoName(-filled)}`);
    missing.clear(page);
    exits++;
  }
}

/** One message at a time, as the kernel's own test reads them. */
function read({ mappingShare, userfaultfdShare, stop }: ReaderTask): ReaderAnswer {
  const addon = nativeAddon();
  const mapping = addon.Mapping.adopt(mappingShare);
  const userfaultfd = addon.Userfaultfd.adopt(userfaultfdShare);
  try {
    const hva = Number(mapping.hva);
    const messages = new UffdMessages(1);
    let filled = 0;
    post({ kind: 'armed' });
    while (Atomics.load(stop, 0) === 0) {
      if (userfaultfd.read(messages.bytes, READ_SLICE_NS) !== 1 || !messages.isPagefault(0)) continue;
      const address = messages.address(0);
      const got = userfaultfd.zeropage(mapping, address - (address % PAGE_SIZE) - hva, PAGE_SIZE, 0);
      if (got === PAGE_SIZE) filled++;
      // Somebody was quicker; whoever sleeps there is woken by that, or faults again.
      else if (got === -EEXIST) userfaultfd.wake(mapping, address - (address % PAGE_SIZE) - hva, PAGE_SIZE);
      else if (got !== -EAGAIN) throw new FaultLabError(`UFFD_${errnoName(-got)}`, `a page could not be put in place: ${errnoName(-got)}`);
    }
    return { filled };
  } finally {
    userfaultfd.close();
    mapping.close();
  }
}

async function answer(task: VcpuTask | ReaderTask): Promise<void> {
  try {
    post({ kind: 'done', answer: task.kind === 'vcpu' ? await runVcpu(task) : read(task) });
  } catch (error) {
    post({ kind: 'failed', message: describeError(error) });
  }
}

parentPort?.on('message', (task: VcpuTask | ReaderTask) => {
  void answer(task);
});
post({ kind: 'ready' });
