#include "layouts.h"

#include <cstddef>
#include <iterator>

#include "uapi/kvm.h"
#include "uapi/userfaultfd.h"

namespace faultlab {
namespace {

struct Field {
  const char* name;
  size_t offset;
  size_t sizeBytes;
};

struct Layout {
  const char* name;
  size_t sizeBytes;
  const Field* fields;
  size_t count;
};

struct Request {
  const char* name;
  uint32_t number;
};

// A field of the structure `Struct` by the kernel's name; one of a nested structure as outer.inner.
#define FIELD(path)                                                                                                    \
  { #path, offsetof(Struct, path), sizeof(Struct::path) }
#define LAYOUT(name, type, fields)                                                                                     \
  { #name, sizeof(uapi::type), fields, std::size(fields) }

namespace kvm_msr_list {
using Struct = uapi::KvmMsrList;
constexpr Field kFields[] = {
    FIELD(nmsrs),
};
}  // namespace kvm_msr_list

namespace kvm_cpuid_entry2 {
using Struct = uapi::KvmCpuidEntry2;
constexpr Field kFields[] = {
    FIELD(function), FIELD(index), FIELD(flags), FIELD(eax), FIELD(ebx), FIELD(ecx), FIELD(edx), FIELD(padding),
};
}  // namespace kvm_cpuid_entry2

namespace kvm_cpuid2 {
using Struct = uapi::KvmCpuid2;
constexpr Field kFields[] = {
    FIELD(nent),
    FIELD(padding),
};
}  // namespace kvm_cpuid2

namespace kvm_userspace_memory_region {
using Struct = uapi::KvmUserspaceMemoryRegion;
constexpr Field kFields[] = {
    FIELD(slot), FIELD(flags), FIELD(guest_phys_addr), FIELD(memory_size), FIELD(userspace_addr),
};
}  // namespace kvm_userspace_memory_region

namespace kvm_userspace_memory_region2 {
using Struct = uapi::KvmUserspaceMemoryRegion2;
constexpr Field kFields[] = {
    FIELD(slot),        FIELD(flags),          FIELD(guest_phys_addr),
    FIELD(memory_size), FIELD(userspace_addr), FIELD(guest_memfd_offset),
    FIELD(guest_memfd), FIELD(pad1),           FIELD(userfault_bitmap),
    FIELD(pad2),
};
}  // namespace kvm_userspace_memory_region2

namespace kvm_create_guest_memfd {
using Struct = uapi::KvmCreateGuestMemfd;
constexpr Field kFields[] = {
    FIELD(size),
    FIELD(flags),
    FIELD(reserved),
};
}  // namespace kvm_create_guest_memfd

namespace kvm_enable_cap {
using Struct = uapi::KvmEnableCap;
constexpr Field kFields[] = {
    FIELD(cap),
    FIELD(flags),
    FIELD(args),
    FIELD(pad),
};
}  // namespace kvm_enable_cap

namespace kvm_msr_filter_range {
using Struct = uapi::KvmMsrFilterRange;
constexpr Field kFields[] = {
    FIELD(flags),
    FIELD(nmsrs),
    FIELD(base),
    FIELD(bitmap),
};
}  // namespace kvm_msr_filter_range

namespace kvm_msr_filter {
using Struct = uapi::KvmMsrFilter;
constexpr Field kFields[] = {
    FIELD(flags),
    FIELD(ranges),
};
}  // namespace kvm_msr_filter

namespace kvm_msi {
using Struct = uapi::KvmMsi;
constexpr Field kFields[] = {
    FIELD(address_lo), FIELD(address_hi), FIELD(data), FIELD(flags), FIELD(devid), FIELD(pad),
};
}  // namespace kvm_msi

namespace kvm_irqfd {
using Struct = uapi::KvmIrqfd;
constexpr Field kFields[] = {
    FIELD(fd), FIELD(gsi), FIELD(flags), FIELD(resamplefd), FIELD(pad),
};
}  // namespace kvm_irqfd

namespace kvm_irq_routing_entry {
using Struct = uapi::KvmIrqRoutingEntry;
constexpr Field kFields[] = {
    FIELD(gsi),       FIELD(type),           FIELD(flags),          FIELD(pad),
    FIELD(msi),       FIELD(msi.address_lo), FIELD(msi.address_hi), FIELD(msi.data),
    FIELD(msi.devid),
};
}  // namespace kvm_irq_routing_entry

namespace kvm_irq_routing {
using Struct = uapi::KvmIrqRouting;
constexpr Field kFields[] = {
    FIELD(nr),
    FIELD(flags),
};
}  // namespace kvm_irq_routing

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

namespace uffdio_api {
using Struct = uapi::UffdioApi;
constexpr Field kFields[] = {
    FIELD(api),
    FIELD(features),
    FIELD(ioctls),
};
}  // namespace uffdio_api

namespace uffdio_range {
using Struct = uapi::UffdioRange;
constexpr Field kFields[] = {
    FIELD(start),
    FIELD(len),
};
}  // namespace uffdio_range

namespace uffdio_register {
using Struct = uapi::UffdioRegister;
constexpr Field kFields[] = {
    FIELD(range), FIELD(range.start), FIELD(range.len), FIELD(mode), FIELD(ioctls),
};
}  // namespace uffdio_register

namespace uffdio_copy {
using Struct = uapi::UffdioCopy;
constexpr Field kFields[] = {
    FIELD(dst), FIELD(src), FIELD(len), FIELD(mode), FIELD(copy),
};
}  // namespace uffdio_copy

namespace uffdio_zeropage {
using Struct = uapi::UffdioZeropage;
constexpr Field kFields[] = {
    FIELD(range), FIELD(range.start), FIELD(range.len), FIELD(mode), FIELD(zeropage),
};
}  // namespace uffdio_zeropage

namespace uffdio_writeprotect {
using Struct = uapi::UffdioWriteprotect;
constexpr Field kFields[] = {
    FIELD(range),
    FIELD(range.start),
    FIELD(range.len),
    FIELD(mode),
};
}  // namespace uffdio_writeprotect

namespace uffdio_continue {
using Struct = uapi::UffdioContinue;
constexpr Field kFields[] = {
    FIELD(range), FIELD(range.start), FIELD(range.len), FIELD(mode), FIELD(mapped),
};
}  // namespace uffdio_continue

namespace uffdio_poison {
using Struct = uapi::UffdioPoison;
constexpr Field kFields[] = {
    FIELD(range), FIELD(range.start), FIELD(range.len), FIELD(mode), FIELD(updated),
};
}  // namespace uffdio_poison

namespace uffd_msg {
using Struct = uapi::UffdMsg;
constexpr Field kFields[] = {
    FIELD(event),
    FIELD(reserved1),
    FIELD(reserved2),
    FIELD(reserved3),
    FIELD(arg),
    FIELD(arg.pagefault.flags),
    FIELD(arg.pagefault.address),
    FIELD(arg.pagefault.ptid),
    FIELD(arg.fork.ufd),
    FIELD(arg.remap.from),
    FIELD(arg.remap.to),
    FIELD(arg.remap.len),
    FIELD(arg.remove.start),
    FIELD(arg.remove.end),
    FIELD(arg.reserved),
};
}  // namespace uffd_msg

constexpr Layout kLayouts[] = {
    LAYOUT(kvm_msr_list, KvmMsrList, kvm_msr_list::kFields),
    LAYOUT(kvm_cpuid_entry2, KvmCpuidEntry2, kvm_cpuid_entry2::kFields),
    LAYOUT(kvm_cpuid2, KvmCpuid2, kvm_cpuid2::kFields),
    LAYOUT(kvm_userspace_memory_region, KvmUserspaceMemoryRegion, kvm_userspace_memory_region::kFields),
    LAYOUT(kvm_userspace_memory_region2, KvmUserspaceMemoryRegion2, kvm_userspace_memory_region2::kFields),
    LAYOUT(kvm_create_guest_memfd, KvmCreateGuestMemfd, kvm_create_guest_memfd::kFields),
    LAYOUT(kvm_enable_cap, KvmEnableCap, kvm_enable_cap::kFields),
    LAYOUT(kvm_msr_filter_range, KvmMsrFilterRange, kvm_msr_filter_range::kFields),
    LAYOUT(kvm_msr_filter, KvmMsrFilter, kvm_msr_filter::kFields),
    LAYOUT(kvm_msi, KvmMsi, kvm_msi::kFields),
    LAYOUT(kvm_irqfd, KvmIrqfd, kvm_irqfd::kFields),
    LAYOUT(kvm_irq_routing_entry, KvmIrqRoutingEntry, kvm_irq_routing_entry::kFields),
    LAYOUT(kvm_irq_routing, KvmIrqRouting, kvm_irq_routing::kFields),
    LAYOUT(kvm_regs, KvmRegs, kvm_regs::kFields),
    LAYOUT(kvm_segment, KvmSegment, kvm_segment::kFields),
    LAYOUT(kvm_dtable, KvmDtable, kvm_dtable::kFields),
    LAYOUT(kvm_sregs, KvmSregs, kvm_sregs::kFields),
    LAYOUT(kvm_vcpu_events, KvmVcpuEvents, kvm_vcpu_events::kFields),
    LAYOUT(kvm_sync_regs, KvmSyncRegs, kvm_sync_regs::kFields),
    LAYOUT(kvm_run, KvmRun, kvm_run::kFields),
    LAYOUT(kvm_translation, KvmTranslation, kvm_translation::kFields),
    LAYOUT(kvm_interrupt, KvmInterrupt, kvm_interrupt::kFields),
    LAYOUT(kvm_msr_entry, KvmMsrEntry, kvm_msr_entry::kFields),
    LAYOUT(kvm_msrs, KvmMsrs, kvm_msrs::kFields),
    LAYOUT(kvm_mp_state, KvmMpState, kvm_mp_state::kFields),
    LAYOUT(kvm_x86_mce, KvmX86Mce, kvm_x86_mce::kFields),
    LAYOUT(uffdio_api, UffdioApi, uffdio_api::kFields),
    LAYOUT(uffdio_range, UffdioRange, uffdio_range::kFields),
    LAYOUT(uffdio_register, UffdioRegister, uffdio_register::kFields),
    LAYOUT(uffdio_copy, UffdioCopy, uffdio_copy::kFields),
    LAYOUT(uffdio_zeropage, UffdioZeropage, uffdio_zeropage::kFields),
    LAYOUT(uffdio_writeprotect, UffdioWriteprotect, uffdio_writeprotect::kFields),
    LAYOUT(uffdio_continue, UffdioContinue, uffdio_continue::kFields),
    LAYOUT(uffdio_poison, UffdioPoison, uffdio_poison::kFields),
    LAYOUT(uffd_msg, UffdMsg, uffd_msg::kFields),
};

constexpr Request kRequests[] = {
    {"KVM_GET_API_VERSION", uapi::kGetApiVersion},
    {"KVM_CREATE_VM", uapi::kCreateVm},
    {"KVM_GET_MSR_INDEX_LIST", uapi::kGetMsrIndexList},
    {"KVM_CHECK_EXTENSION", uapi::kCheckExtension},
    {"KVM_GET_VCPU_MMAP_SIZE", uapi::kGetVcpuMmapSize},
    {"KVM_GET_SUPPORTED_CPUID", uapi::kGetSupportedCpuid},
    {"KVM_CREATE_VCPU", uapi::kCreateVcpu},
    {"KVM_SET_USER_MEMORY_REGION", uapi::kSetUserMemoryRegion},
    {"KVM_SET_TSS_ADDR", uapi::kSetTssAddr},
    {"KVM_SET_IDENTITY_MAP_ADDR", uapi::kSetIdentityMapAddr},
    {"KVM_SET_USER_MEMORY_REGION2", uapi::kSetUserMemoryRegion2},
    {"KVM_SET_GSI_ROUTING", uapi::kSetGsiRouting},
    {"KVM_IRQFD", uapi::kIrqfd},
    {"KVM_ENABLE_CAP", uapi::kEnableCap},
    {"KVM_SIGNAL_MSI", uapi::kSignalMsi},
    {"KVM_X86_SET_MSR_FILTER", uapi::kX86SetMsrFilter},
    {"KVM_CREATE_GUEST_MEMFD", uapi::kCreateGuestMemfd},
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
    {"USERFAULTFD_IOC_NEW", uapi::kUserfaultfdIocNew},
    {"UFFDIO_API", uapi::kUffdioApi},
    {"UFFDIO_REGISTER", uapi::kUffdioRegister},
    {"UFFDIO_UNREGISTER", uapi::kUffdioUnregister},
    {"UFFDIO_WAKE", uapi::kUffdioWake},
    {"UFFDIO_COPY", uapi::kUffdioCopy},
    {"UFFDIO_ZEROPAGE", uapi::kUffdioZeropage},
    {"UFFDIO_WRITEPROTECT", uapi::kUffdioWriteprotect},
    {"UFFDIO_CONTINUE", uapi::kUffdioContinue},
    {"UFFDIO_POISON", uapi::kUffdioPoison},
};

#undef FIELD
#undef LAYOUT

Napi::Number Number(Napi::Env env, size_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

}  // namespace

void DefineLayouts(Napi::Env env, Napi::Object exports) {
  const Napi::Object layouts = Napi::Object::New(env);
  for (const Layout& layout : kLayouts) {
    const Napi::Object fields = Napi::Object::New(env);
    for (size_t i = 0; i < layout.count; i++) {
      const Napi::Object field = Napi::Object::New(env);
      field.Set("offset", Number(env, layout.fields[i].offset));
      field.Set("size", Number(env, layout.fields[i].sizeBytes));
      fields.Set(layout.fields[i].name, field);
    }
    const Napi::Object entry = Napi::Object::New(env);
    entry.Set("size", Number(env, layout.sizeBytes));
    entry.Set("fields", fields);
    layouts.Set(layout.name, entry);
  }
  exports.Set("layouts", layouts);

  const Napi::Object ioctls = Napi::Object::New(env);
  for (const Request& request : kRequests) ioctls.Set(request.name, Number(env, request.number));
  exports.Set("ioctls", ioctls);
}

}  // namespace faultlab
