// The structures and requests of KVM on x86-64 that the addon passes to /dev/kvm and to a VM, from
// Documentation/virt/kvm/api.rst.
//
// Our own, because a distribution's <linux/kvm.h> is older than the kernels this project runs on: guest_memfd and
// KVM_SET_USER_MEMORY_REGION2 are missing there. Field names are the kernel's. Each structure's size and offsets are
// asserted, so that an edit that moves a field does not compile.
#ifndef KVM_FAULTLAB_UAPI_KVM_H_
#define KVM_FAULTLAB_UAPI_KVM_H_

#include <cstddef>
#include <cstdint>

#include "ioctl.h"

namespace faultlab::uapi {

// --- /dev/kvm

struct KvmMsrList {
  uint32_t nmsrs;
  // uint32_t indices[nmsrs] follow
};
static_assert(sizeof(KvmMsrList) == 4);

struct KvmCpuidEntry2 {
  uint32_t function;
  uint32_t index;
  uint32_t flags;
  uint32_t eax;
  uint32_t ebx;
  uint32_t ecx;
  uint32_t edx;
  uint32_t padding[3];
};
static_assert(sizeof(KvmCpuidEntry2) == 40);
static_assert(offsetof(KvmCpuidEntry2, eax) == 12);
static_assert(offsetof(KvmCpuidEntry2, padding) == 28);

struct KvmCpuid2 {
  uint32_t nent;
  uint32_t padding;
  // KvmCpuidEntry2 entries[nent] follow
};
static_assert(sizeof(KvmCpuid2) == 8);

constexpr uint32_t kGetApiVersion = KvmIo(0x00);
constexpr uint32_t kCreateVm = KvmIo(0x01);
constexpr uint32_t kGetMsrIndexList = KvmIowr<KvmMsrList>(0x02);
constexpr uint32_t kCheckExtension = KvmIo(0x03);
constexpr uint32_t kGetVcpuMmapSize = KvmIo(0x04);
constexpr uint32_t kGetSupportedCpuid = KvmIowr<KvmCpuid2>(0x05);

// --- VM

struct KvmUserspaceMemoryRegion {
  uint32_t slot;
  uint32_t flags;
  uint64_t guest_phys_addr;
  uint64_t memory_size;
  uint64_t userspace_addr;
};
static_assert(sizeof(KvmUserspaceMemoryRegion) == 32);
static_assert(offsetof(KvmUserspaceMemoryRegion, userspace_addr) == 24);

struct KvmUserspaceMemoryRegion2 {
  uint32_t slot;
  uint32_t flags;
  uint64_t guest_phys_addr;
  uint64_t memory_size;
  uint64_t userspace_addr;
  uint64_t guest_memfd_offset;
  uint32_t guest_memfd;
  uint32_t pad1;
  uint64_t userfault_bitmap;  // the proposals'; pad on a stock kernel
  uint64_t pad2[13];
};
static_assert(sizeof(KvmUserspaceMemoryRegion2) == 160);
static_assert(offsetof(KvmUserspaceMemoryRegion2, guest_memfd_offset) == 32);
static_assert(offsetof(KvmUserspaceMemoryRegion2, guest_memfd) == 40);
static_assert(offsetof(KvmUserspaceMemoryRegion2, userfault_bitmap) == 48);
static_assert(offsetof(KvmUserspaceMemoryRegion2, pad2) == 56);

struct KvmCreateGuestMemfd {
  uint64_t size;
  uint64_t flags;
  uint64_t reserved[6];
};
static_assert(sizeof(KvmCreateGuestMemfd) == 64);

struct KvmMemoryAttributes {
  uint64_t address;
  uint64_t size;
  uint64_t attributes;
  uint64_t flags;
};
static_assert(sizeof(KvmMemoryAttributes) == 32);
static_assert(offsetof(KvmMemoryAttributes, attributes) == 16);

struct KvmEnableCap {
  uint32_t cap;
  uint32_t flags;
  uint64_t args[4];
  uint8_t pad[64];
};
static_assert(sizeof(KvmEnableCap) == 104);
static_assert(offsetof(KvmEnableCap, args) == 8);
static_assert(offsetof(KvmEnableCap, pad) == 40);

struct KvmMsrFilterRange {
  uint32_t flags;
  uint32_t nmsrs;
  uint32_t base;
  uint64_t bitmap;  // a pointer to (nmsrs + 7) / 8 bytes
};
static_assert(sizeof(KvmMsrFilterRange) == 24);
static_assert(offsetof(KvmMsrFilterRange, bitmap) == 16);

constexpr size_t kMsrFilterMaxRanges = 16;
constexpr size_t kMsrFilterMaxBitmapBytes = 0x600;
struct KvmMsrFilter {
  uint32_t flags;
  KvmMsrFilterRange ranges[kMsrFilterMaxRanges];
};
static_assert(sizeof(KvmMsrFilter) == 392);
static_assert(offsetof(KvmMsrFilter, ranges) == 8);

struct KvmMsi {
  uint32_t address_lo;
  uint32_t address_hi;
  uint32_t data;
  uint32_t flags;
  uint32_t devid;
  uint8_t pad[12];
};
static_assert(sizeof(KvmMsi) == 32);
static_assert(offsetof(KvmMsi, data) == 8);

struct KvmIrqfd {
  uint32_t fd;
  uint32_t gsi;
  uint32_t flags;
  uint32_t resamplefd;
  uint8_t pad[16];
};
static_assert(sizeof(KvmIrqfd) == 32);
static_assert(offsetof(KvmIrqfd, resamplefd) == 12);

constexpr uint32_t kIrqRoutingMsi = 2;
constexpr size_t kMaxIrqRoutes = 4096;
struct KvmIrqRoutingEntry {
  uint32_t gsi;
  uint32_t type;
  uint32_t flags;
  uint32_t pad;
  struct {
    uint32_t address_lo;
    uint32_t address_hi;
    uint32_t data;
    uint32_t devid;
    uint32_t rest[4];
  } msi;
};
static_assert(sizeof(KvmIrqRoutingEntry) == 48);
static_assert(offsetof(KvmIrqRoutingEntry, msi) == 16);
static_assert(offsetof(KvmIrqRoutingEntry, msi.data) == 24);

struct KvmIrqRouting {
  uint32_t nr;
  uint32_t flags;
  // KvmIrqRoutingEntry entries[nr] follow
};
static_assert(sizeof(KvmIrqRouting) == 8);

constexpr uint32_t kCapSplitIrqchip = 121;

constexpr uint32_t kCreateVcpu = KvmIo(0x41);
constexpr uint32_t kSetUserMemoryRegion = KvmIow<KvmUserspaceMemoryRegion>(0x46);
constexpr uint32_t kSetTssAddr = KvmIo(0x47);
constexpr uint32_t kSetIdentityMapAddr = KvmIow<uint64_t>(0x48);
constexpr uint32_t kSetUserMemoryRegion2 = KvmIow<KvmUserspaceMemoryRegion2>(0x49);
constexpr uint32_t kSetGsiRouting = KvmIow<KvmIrqRouting>(0x6a);
constexpr uint32_t kIrqfd = KvmIow<KvmIrqfd>(0x76);
constexpr uint32_t kEnableCap = KvmIow<KvmEnableCap>(0xa3);
constexpr uint32_t kSignalMsi = KvmIow<KvmMsi>(0xa5);
constexpr uint32_t kX86SetMsrFilter = KvmIow<KvmMsrFilter>(0xc6);
constexpr uint32_t kSetMemoryAttributes = KvmIow<KvmMemoryAttributes>(0xd2);
constexpr uint32_t kCreateGuestMemfd = KvmIowr<KvmCreateGuestMemfd>(0xd4);

// As the documentation gives it: the arithmetic must agree.
static_assert(kSetUserMemoryRegion2 == 0x40a0ae49);

}  // namespace faultlab::uapi

#endif  // KVM_FAULTLAB_UAPI_KVM_H_
