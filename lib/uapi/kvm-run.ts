import { structLayout } from './layout.js';

/**
 * struct kvm_run: what KVM_RUN and user space tell each other (linux/kvm.h; api.rst section 5).
 *
 * The union of exit data starts at byte 32: its members overlap, and only the one named by exit_reason holds anything.
 * `s` is struct kvm_sync_regs: regs, sregs and events one after the other.
 */
export const kvmRunLayout = structLayout('kvm_run', 2352, {
  request_interrupt_window: [0, 1],
  immediate_exit: [1, 1],
  exit_reason: [8, 4],
  ready_for_interrupt_injection: [12, 1],
  if_flag: [13, 1],
  flags: [14, 2],
  cr8: [16, 8],
  apic_base: [24, 8],
  'hw.hardware_exit_reason': [32, 8],
  'fail_entry.hardware_entry_failure_reason': [32, 8],
  'fail_entry.cpu': [40, 4],
  'io.direction': [32, 1],
  'io.size': [33, 1],
  'io.port': [34, 2],
  'io.count': [36, 4],
  'io.data_offset': [40, 8],
  'mmio.phys_addr': [32, 8],
  'mmio.data': [40, 8],
  'mmio.len': [48, 4],
  'mmio.is_write': [52, 1],
  'hypercall.nr': [32, 8],
  'hypercall.args': [40, 48],
  'hypercall.ret': [88, 8],
  'internal.suberror': [32, 4],
  'internal.ndata': [36, 4],
  'internal.data': [40, 128],
  'emulation_failure.flags': [40, 8],
  'emulation_failure.insn_size': [48, 1],
  'emulation_failure.insn_bytes': [49, 15],
  'system_event.type': [32, 4],
  'eoi.vector': [32, 1],
  'msr.error': [32, 1],
  'msr.reason': [40, 4],
  'msr.index': [44, 4],
  'msr.data': [48, 8],
  'memory_fault.flags': [32, 8],
  'memory_fault.gpa': [40, 8],
  'memory_fault.size': [48, 8],
  kvm_valid_regs: [288, 8],
  kvm_dirty_regs: [296, 8],
  's.regs.regs': [304, 144],
  's.regs.sregs': [448, 312],
  's.regs.events': [760, 64],
});

/** kvm_valid_regs and kvm_dirty_regs: which synced registers KVM fills at exit and takes at entry (api.rst, KVM_CAP_SYNC_REGS). */
export const KVM_SYNC_X86_REGS = 1 << 0;
export const KVM_SYNC_X86_SREGS = 1 << 1;
export const KVM_SYNC_X86_EVENTS = 1 << 2;

/** kvm_run.flags. */
export const KVM_RUN_X86_SMM = 1 << 0;
export const KVM_RUN_X86_BUS_LOCK = 1 << 1;

/** struct kvm_mp_state.mp_state. */
export const KVM_MP_STATE_RUNNABLE = 0;
export const KVM_MP_STATE_UNINITIALIZED = 1;
export const KVM_MP_STATE_INIT_RECEIVED = 2;
export const KVM_MP_STATE_HALTED = 3;
export const KVM_MP_STATE_SIPI_RECEIVED = 4;
