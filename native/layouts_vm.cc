#include "layout_table.h"
#include "uapi/kvm.h"

namespace faultlab {
namespace {

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

namespace kvm_memory_attributes {
using Struct = uapi::KvmMemoryAttributes;
constexpr Field kFields[] = {
    FIELD(address),
    FIELD(size),
    FIELD(attributes),
    FIELD(flags),
};
}  // namespace kvm_memory_attributes

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

constexpr Layout kLayouts[] = {
    LAYOUT(kvm_msr_list, KvmMsrList, kvm_msr_list::kFields),
    LAYOUT(kvm_cpuid_entry2, KvmCpuidEntry2, kvm_cpuid_entry2::kFields),
    LAYOUT(kvm_cpuid2, KvmCpuid2, kvm_cpuid2::kFields),
    LAYOUT(kvm_userspace_memory_region, KvmUserspaceMemoryRegion, kvm_userspace_memory_region::kFields),
    LAYOUT(kvm_userspace_memory_region2, KvmUserspaceMemoryRegion2, kvm_userspace_memory_region2::kFields),
    LAYOUT(kvm_create_guest_memfd, KvmCreateGuestMemfd, kvm_create_guest_memfd::kFields),
    LAYOUT(kvm_memory_attributes, KvmMemoryAttributes, kvm_memory_attributes::kFields),
    LAYOUT(kvm_enable_cap, KvmEnableCap, kvm_enable_cap::kFields),
    LAYOUT(kvm_msr_filter_range, KvmMsrFilterRange, kvm_msr_filter_range::kFields),
    LAYOUT(kvm_msr_filter, KvmMsrFilter, kvm_msr_filter::kFields),
    LAYOUT(kvm_msi, KvmMsi, kvm_msi::kFields),
    LAYOUT(kvm_irqfd, KvmIrqfd, kvm_irqfd::kFields),
    LAYOUT(kvm_irq_routing_entry, KvmIrqRoutingEntry, kvm_irq_routing_entry::kFields),
    LAYOUT(kvm_irq_routing, KvmIrqRouting, kvm_irq_routing::kFields),
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
    {"KVM_SET_MEMORY_ATTRIBUTES", uapi::kSetMemoryAttributes},
    {"KVM_CREATE_GUEST_MEMFD", uapi::kCreateGuestMemfd},
};

}  // namespace

const LayoutGroup kVmLayouts = {kLayouts, std::size(kLayouts), kRequests, std::size(kRequests)};

}  // namespace faultlab
