/** Runs one checker until told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { LostAccesses, WindowReader, type MappedWindow } from '../../../lib/faults/index.js';
import { setLongMode } from '../../../lib/guest/index.js';
import { Kvm, Vm, type Vcpu, type VcpuExit } from '../../../lib/kvm/index.js';
import { SyncedRegisters } from '../../../lib/machine/index.js';
import { DaxWindow, SystemRam, gpaNumber, type DaxWindowShare, type SystemRamShare } from '../../../lib/memory/index.js';
import { addresses } from '../../../lib/probes/index.js';
import { enableAsyncPf } from '../../../lib/experiments/guests/async-pf-guest.js';
import {
  CPUID_1_ECX_X2APIC,
  KVM_MP_STATE_RUNNABLE,
  KVM_SYNC_X86_EVENTS,
  KVM_SYNC_X86_REGS,
  KVM_SYNC_X86_SREGS,
  RFLAGS_FIXED,
  RFLAGS_IF,
  RegsView,
  setCpuidBit,
  type RegName,
} from '../../../lib/uapi/index.js';
import { LOST_OFFSET, checkerRegisters, record, recordOf } from './checker.js';

/** What a Worker is given. */
export interface CheckerPlan {
  readonly index: number;
  readonly asyncPf: boolean;
  readonly vm: number;
  readonly ram: SystemRamShare;
  readonly window: DaxWindowShare;
  readonly root: number;
  /** [stop, checkers that run, findings]. */
  readonly control: Int32Array;
}

/** What it says at its end. */
export interface CheckerEnd {
  readonly index: number;
  /** Null for a checker that was told to stop. */
  readonly error: string | null;
  /** Lost accesses by cause and way. */
  readonly causes: Readonly<Record<string, number>>;
  readonly recovered: number;
}

const SLICE_NS = 5e6;

function boot(vm: Vm, kvm: Kvm, { index, root, asyncPf }: CheckerPlan): Vcpu {
  const vcpu = vm.createVcpu(index);
  vcpu.setSliceNs(SLICE_NS);
  const cpuid = kvm.supportedCpuid();
  setCpuidBit(cpuid, 1, 'ecx', CPUID_1_ECX_X2APIC);
  vcpu.setCpuid(cpuid);
  const sregs = vcpu.getSregs();
  setLongMode(sregs, { root, descriptors: addresses.descriptors, idt: addresses.idt, cpl: 3, isFirst: false });
  vcpu.setSregs(sregs);
  const regs = RegsView.allocate();
  for (const [name, value] of Object.entries(checkerRegisters(index, addresses.page)) as [RegName, number][]) regs.setNumber(name, value);
  regs.setNumber('rip', addresses.userCode);
  regs.setNumber('rsp', addresses.userStackTop);
  // A vCPU that takes interrupts waits in KVM for pages that fail; one that does not brings them to the VMM.
  regs.setNumber('rflags', RFLAGS_FIXED | (asyncPf ? RFLAGS_IF : 0));
  vcpu.setRegs(regs);
  vcpu.setMpState(KVM_MP_STATE_RUNNABLE);
  if (asyncPf) enableAsyncPf({ vcpu });
  vcpu.syncRegs.enableSync(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS);
  return vcpu;
}

function describe(exit: VcpuExit): string {
  return JSON.stringify(exit, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
}

function main(plan: CheckerPlan): CheckerEnd {
  const { index, control } = plan;
  const kvm = Kvm.open();
  const vm = Vm.adopt(plan.vm);
  const ram = SystemRam.adopt(plan.ram);
  const window = DaxWindow.adopt(plan.window);
  const causes: Record<string, number> = {};
  let recovered = 0;
  let error: string | null = null;
  const vcpu = boot(vm, kvm, plan);
  try {
    const windows: readonly MappedWindow[] = [{ gpa: gpaNumber(addresses.page), window }];
    const losses = new LostAccesses(new SyncedRegisters(vcpu), new WindowReader(ram, windows), windows);
    const finding = (recordOf(index) + record.finding) / 4;
    Atomics.add(control, 1, 1);
    while (error === null && Atomics.load(control, 0) === 0) {
      const exit = vcpu.decodeExit(vcpu.run());
      if (exit.kind !== 'interrupted') {
        const found = losses.find(exit);
        if (found.kind === 'recovered') recovered++;
        else if (found.kind === 'unrelated') error = `vCPU ${index} was stopped by ${describe(exit)}`;
        else {
          const key = `${found.loss.cause} ${found.loss.found}`;
          causes[key] = (causes[key] ?? 0) + 1;
          vcpu.syncRegs.regs.setNumber('rip', addresses.userCode + LOST_OFFSET);
          vcpu.syncRegs.markDirty(KVM_SYNC_X86_REGS);
        }
      }
      if (Atomics.load(ram.words, finding) !== 0) break;
    }
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  } finally {
    if (Atomics.load(control, 0) === 0) Atomics.add(control, 2, 1);
    for (const handle of [vcpu, window, ram, vm, kvm]) handle.close();
  }
  return { index, error, causes, recovered };
}

parentPort?.postMessage(main(workerData as CheckerPlan));
