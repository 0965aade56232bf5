#include "layout_table.h"
#include "uapi/vcpu.h"

namespace faultlab {
namespace {

namespace kvm_regs {
using Struct = uapi::KvmRegs;
constexpr Field kFields[] = {
    FIELD(rax), FIELD(rbx), FIELD(rcx), FIELD(rdx), FIELD(rsi), FIELD(rdi), FIELD(rsp), FIELD(rbp), FIELD(r8),
    FIELD(r9),  FIELD(r10), FIELD(r11), FIELD(r12), FIELD(r13), FIELD(r14), FIELD(r15), FIELD(rip), FIELD(rflags),
};
}  // namespace kvm_regs

namespace kvm_segment {
using Struct = uapi::KvmSegment;
constexpr Field kFields[] = {
    FIELD(base), FIELD(limit), FIELD(selector), FIELD(type), FIELD(present),  FIELD(dpl),     FIELD(db),
    FIELD(s),    FIELD(l),     FIELD(g),        FIELD(avl),  FIELD(unusable), FIELD(padding),
};
}  // namespace kvm_segment

namespace kvm_dtable {
using Struct = uapi::KvmDtable;
constexpr Field kFields[] = {
    FIELD(base),
    FIELD(limit),
    FIELD(padding),
};
}  // namespace kvm_dtable

namespace kvm_sregs {
using Struct = uapi::KvmSregs;
constexpr Field kFields[] = {
    FIELD(cs),  FIELD(ds),  FIELD(es),  FIELD(fs),   FIELD(gs),        FIELD(ss),
    FIELD(tr),  FIELD(ldt), FIELD(gdt), FIELD(idt),  FIELD(cr0),       FIELD(cr2),
    FIELD(cr3), FIELD(cr4), FIELD(cr8), FIELD(efer), FIELD(apic_base), FIELD(interrupt_bitmap),
};
}  // namespace kvm_sregs

namespace kvm_vcpu_events {
using Struct = uapi::KvmVcpuEvents;
constexpr Field kFields[] = {
    FIELD(exception),
    FIELD(exception.injected),
    FIELD(exception.nr),
    FIELD(exception.has_error_code),
    FIELD(exception.pending),
    FIELD(exception.error_code),
    FIELD(interrupt),
    FIELD(interrupt.injected),
    FIELD(interrupt.nr),
    FIELD(interrupt.soft),
    FIELD(interrupt.shadow),
    FIELD(nmi),
    FIELD(nmi.injected),
    FIELD(nmi.pending),
    FIELD(nmi.masked),
    FIELD(nmi.pad),
    FIELD(sipi_vector),
    FIELD(flags),
    FIELD(smi),
    FIELD(smi.smm),
    FIELD(smi.pending),
    FIELD(smi.smm_inside_nmi),
    FIELD(smi.latched_init),
    FIELD(triple_fault),
    FIELD(triple_fault.pending),
    FIELD(reserved),
    FIELD(exception_has_payload),
    FIELD(exception_payload),
};
}  // namespace kvm_vcpu_events

namespace kvm_sync_regs {
using Struct = uapi::KvmSyncRegs;
constexpr Field kFields[] = {
    FIELD(regs),
    FIELD(sregs),
    FIELD(events),
};
}  // namespace kvm_sync_regs

namespace kvm_run {
using Struct = uapi::KvmRun;
constexpr Field kFields[] = {
    FIELD(request_interrupt_window),
    FIELD(immediate_exit),
    FIELD(padding1),
    FIELD(exit_reason),
    FIELD(ready_for_interrupt_injection),
    FIELD(if_flag),
    FIELD(flags),
    FIELD(cr8),
    FIELD(apic_base),
    FIELD(hw.hardware_exit_reason),
    FIELD(fail_entry.hardware_entry_failure_reason),
    FIELD(fail_entry.cpu),
    FIELD(ex.exception),
    FIELD(ex.error_code),
    FIELD(io.direction),
    FIELD(io.size),
    FIELD(io.port),
    FIELD(io.count),
    FIELD(io.data_offset),
    FIELD(mmio.phys_addr),
    FIELD(mmio.data),
    FIELD(mmio.len),
    FIELD(mmio.is_write),
    FIELD(hypercall.nr),
    FIELD(hypercall.args),
    FIELD(hypercall.ret),
    FIELD(hypercall.flags),
    FIELD(internal.suberror),
    FIELD(internal.ndata),
    FIELD(internal.data),
    FIELD(emulation_failure.suberror),
    FIELD(emulation_failure.ndata),
    FIELD(emulation_failure.flags),
    FIELD(emulation_failure.insn_size),
    FIELD(emulation_failure.insn_bytes),
    FIELD(system_event.type),
    FIELD(system_event.ndata),
    FIELD(system_event.data),
    FIELD(eoi.vector),
    FIELD(msr.error),
    FIELD(msr.pad),
    FIELD(msr.reason),
    FIELD(msr.index),
    FIELD(msr.data),
    FIELD(memory_fault.flags),
    FIELD(memory_fault.gpa),
    FIELD(memory_fault.size),
    FIELD(padding),
    FIELD(kvm_valid_regs),
    FIELD(kvm_dirty_regs),
    FIELD(s),
    FIELD(s.regs),
    FIELD(s.regs.regs),
    FIELD(s.regs.sregs),
    FIELD(s.regs.events),
    FIELD(s.padding),
};
}  // namespace kvm_run

namespace kvm_translation {
using Struct = uapi::KvmTranslation;
constexpr Field kFields[] = {
    FIELD(linear_address), FIELD(physical_address), FIELD(valid), FIELD(writeable), FIELD(usermode), FIELD(pad),
};
}  // namespace kvm_translation

namespace kvm_device_attr {
using Struct = uapi::KvmDeviceAttr;
constexpr Field kFields[] = {
    FIELD(flags),
    FIELD(group),
    FIELD(attr),
    FIELD(addr),
};
}  // namespace kvm_device_attr

namespace kvm_interrupt {
using Struct = uapi::KvmInterrupt;
constexpr Field kFields[] = {
    FIELD(irq),
};
}  // namespace kvm_interrupt

namespace kvm_msr_entry {
using Struct = uapi::KvmMsrEntry;
constexpr Field kFields[] = {
    FIELD(index),
    FIELD(reserved),
    FIELD(data),
};
}  // namespace kvm_msr_entry

namespace kvm_msrs {
using Struct = uapi::KvmMsrs;
constexpr Field kFields[] = {
    FIELD(nmsrs),
    FIELD(pad),
};
}  // namespace kvm_msrs

namespace kvm_mp_state {
using Struct = uapi::KvmMpState;
constexpr Field kFields[] = {
    FIELD(mp_state),
};
}  // namespace kvm_mp_state

namespace kvm_x86_mce {
using Struct = uapi::KvmX86Mce;
constexpr Field kFields[] = {
    FIELD(status), FIELD(addr), FIELD(misc), FIELD(mcg_status), FIELD(bank), FIELD(pad1), FIELD(pad2),
};
}  // namespace kvm_x86_mce

constexpr Layout kLayouts[] = {
    LAYOUT(kvm_regs, KvmRegs, kvm_regs::kFields),
    LAYOUT(kvm_segment, KvmSegment, kvm_segment::kFields),
    LAYOUT(kvm_dtable, KvmDtable, kvm_dtable::kFields),
    LAYOUT(kvm_sregs, KvmSregs, kvm_sregs::kFields),
    LAYOUT(kvm_vcpu_events, KvmVcpuEvents, kvm_vcpu_events::kFields),
    LAYOUT(kvm_sync_regs, KvmSyncRegs, kvm_sync_regs::kFields),
    LAYOUT(kvm_run, KvmRun, kvm_run::kFields),
    LAYOUT(kvm_translation, KvmTranslation, kvm_translation::kFields),
    LAYOUT(kvm_device_attr, KvmDeviceAttr, kvm_device_attr::kFields),
    LAYOUT(kvm_interrupt, KvmInterrupt, kvm_interrupt::kFields),
    LAYOUT(kvm_msr_entry, KvmMsrEntry, kvm_msr_entry::kFields),
    LAYOUT(kvm_msrs, KvmMsrs, kvm_msrs::kFields),
    LAYOUT(kvm_mp_state, KvmMpState, kvm_mp_state::kFields),
    LAYOUT(kvm_x86_mce, KvmX86Mce, kvm_x86_mce::kFields),
};

constexpr Request kRequests[] = {
    {"KVM_RUN", uapi::kRun},
    {"KVM_GET_REGS", uapi::kGetRegs},
    {"KVM_SET_REGS", uapi::kSetRegs},
    {"KVM_GET_SREGS", uapi::kGetSregs},
    {"KVM_SET_SREGS", uapi::kSetSregs},
    {"KVM_TRANSLATE", uapi::kTranslate},
    {"KVM_INTERRUPT", uapi::kInterrupt},
    {"KVM_GET_MSRS", uapi::kGetMsrs},
    {"KVM_SET_MSRS", uapi::kSetMsrs},
    {"KVM_SET_CPUID2", uapi::kSetCpuid2},
    {"KVM_GET_CPUID2", uapi::kGetCpuid2},
    {"KVM_GET_MP_STATE", uapi::kGetMpState},
    {"KVM_SET_MP_STATE", uapi::kSetMpState},
    {"KVM_NMI", uapi::kNmi},
    {"KVM_X86_SETUP_MCE", uapi::kX86SetupMce},
    {"KVM_X86_SET_MCE", uapi::kX86SetMce},
    {"KVM_GET_VCPU_EVENTS", uapi::kGetVcpuEvents},
    {"KVM_SET_VCPU_EVENTS", uapi::kSetVcpuEvents},
    {"KVM_GET_TSC_KHZ", uapi::kGetTscKhz},
    {"KVM_SET_DEVICE_ATTR", uapi::kSetDeviceAttr},
    {"KVM_GET_DEVICE_ATTR", uapi::kGetDeviceAttr},
};

}  // namespace

const LayoutGroup kVcpuLayouts = {kLayouts, std::size(kLayouts), kRequests, std::size(kRequests)};

}  // namespace faultlab
