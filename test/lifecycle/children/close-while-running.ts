/**
 * The main thread makes a VM with memory; a Worker adopts the VM and runs a guest that counts to a port. The main thread
 * then closes every handle it has, collects garbage, maps other memory, and the guest must go on counting.
 */
import { once } from 'node:events';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';
import { PROT_RW } from '../../native/support/constants.js';
import { COUNT_TO_PORT, ENTRY, MEMORY_BYTES, enterRealMode } from '../../native/support/real-mode.js';

const { Kvm, Mapping, Vm, liveHandles } = nativeAddon();
const EINTR = 4;

async function main(): Promise<void> {
  const kvm = new Kvm();
  const vm = kvm.createVm(0);
  const memory = Mapping.anonymous(MEMORY_BYTES, PROT_RW);
  new Uint8Array(memory.view()).set(COUNT_TO_PORT, ENTRY);
  vm.setUserMemoryRegion(0, 0, 0n, MEMORY_BYTES, memory, 0);
  const closed = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), { workerData: { share: vm.share(), closed } });
  // It may come in the same turn as the last message.
  const exited = once(worker, 'exit');
  await once(worker, 'message');
  for (const handle of [vm, memory, kvm]) handle.close();
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 50));
  // What would take the place of the guest's memory, had it been unmapped.
  const others = Array.from({ length: 64 }, () => Mapping.anonymous(MEMORY_BYTES, PROT_RW));
  Atomics.store(closed, 0, 1);
  const [counted] = (await once(worker, 'message')) as [number];
  for (const other of others) other.close();
  await exited;
  process.stdout.write(JSON.stringify({ counted, open: Object.values(liveHandles()).reduce((sum, count) => sum + count, 0) }));
}

function worker(): void {
  const { share, closed } = workerData as { share: number; closed: Int32Array };
  const vm = Vm.adopt(share);
  const vcpu = vm.createVcpu(0);
  vm.close();
  enterRealMode(vcpu, ENTRY);
  const area = new DataView(vcpu.runArea());
  let last = 0;
  let counted = 0;
  let told = false;
  while (counted < 1000) {
    const result = vcpu.run();
    if (result === -EINTR) continue;
    const value = area.getUint16(Number(area.getBigUint64(40, true)), true);
    if (result !== 0 || value !== ((last + 1) & 0xffff)) throw new Error(`KVM_RUN returned ${result}, the guest went from ${last} to ${value}`);
    last = value;
    if (!told) parentPort?.postMessage('running');
    told = true;
    if (Atomics.load(closed, 0) === 1) counted++;
  }
  vcpu.close();
  parentPort?.postMessage(counted);
}

if (isMainThread) await main();
else worker();
