/** What KVM does with completed async page faults, played for one vCPU by whichever thread holds the model: token into the guest's area, ready interrupt by MSI. */
import { msiTo, type Vm } from '../../../kvm/index.js';
import type { SystemRam } from '../../../memory/index.js';
import { kvmVcpuPvApfDataLayout } from '../../../uapi/index.js';
import type { ProposalModel } from '../../../uapi/proposals/index.js';

const TOKEN = kvmVcpuPvApfDataLayout.fields.token.offset;
const AREA_BYTES = kvmVcpuPvApfDataLayout.size;
/** Vectors 0 to 15 are no interrupts. */
const LOWEST_VECTOR = 16;

/** Tells the guest of `vcpu` what it can be told now. */
export function deliverReady(model: ProposalModel, vcpu: number, vm: Vm, ram: SystemRam): void {
  const queue = model.queues[vcpu];
  while (queue.hasCompleted) {
    const offset = queue.enabled ? ram.offsetOf(queue.areaGpa, AREA_BYTES) : -1;
    const at = (offset + TOKEN) / 4;
    const token = model.takeReady(vcpu, offset < 0 || Atomics.load(ram.words, at) === 0);
    if (token === 0 || offset < 0) return;
    Atomics.store(ram.words, at, token | 0);
    if (queue.vector >= LOWEST_VECTOR) vm.signalMsi(msiTo(vcpu, queue.vector));
  }
}
