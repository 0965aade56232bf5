// The structures and requests of KVM on x86-64 that the addon passes to the kernel, from
// Documentation/virt/kvm/api.rst.
//
// Our own, because a distribution's <linux/kvm.h> is older than the kernels this project runs on: guest_memfd and
// KVM_SET_USER_MEMORY_REGION2 are missing there. Field names are the kernel's. Each structure's size and offsets are
// asserted, so that an edit that moves a field does not compile.
#ifndef KVM_FAULTLAB_UAPI_KVM_H_
#define KVM_FAULTLAB_UAPI_KVM_H_

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>

namespace faultlab::uapi {

// The bits of a request number (asm-generic/ioctl.h), spelled out because the _IO macros need a type's sizeof.
constexpr uint32_t kIocNone = 0;
constexpr uint32_t kIocWrite = 1;
constexpr uint32_t kIocRead = 2;
constexpr uint32_t IoctlRequest(uint32_t direction, uint32_t type, uint32_t number, uint32_t size) {
  return (direction << 30) | (size << 16) | (type << 8) | number;
}
// The argument size that a request number carries; 0 for requests that take a plain number.
constexpr uint32_t IoctlArgumentSize(uint32_t request) { return (request >> 16) & 0x3fff; }

constexpr uint32_t kKvmIo = 0xae;
constexpr uint32_t KvmIo(uint32_t number) { return IoctlRequest(kIocNone, kKvmIo, number, 0); }
template <class T>
constexpr uint32_t KvmIor(uint32_t number) {
  return IoctlRequest(kIocRead, kKvmIo, number, sizeof(T));
}
template <class T>
constexpr uint32_t KvmIow(uint32_t number) {
  return IoctlRequest(kIocWrite, kKvmIo, number, sizeof(T));
}
template <class T>
constexpr uint32_t KvmIowr(uint32_t number) {
  return IoctlRequest(kIocRead | kIocWrite, kKvmIo, number, sizeof(T));
}

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
constexpr uint32_t kCreateGuestMemfd = KvmIowr<KvmCreateGuestMemfd>(0xd4);

// --- vCPU

struct KvmRegs {
  uint64_t rax, rbx, rcx, rdx;
  uint64_t rsi, rdi, rsp, rbp;
  uint64_t r8, r9, r10, r11;
  uint64_t r12, r13, r14, r15;
  uint64_t rip, rflags;
};
static_assert(sizeof(KvmRegs) == 144);
static_assert(offsetof(KvmRegs, r8) == 64);
static_assert(offsetof(KvmRegs, rip) == 128);

struct KvmSegment {
  uint64_t base;
  uint32_t limit;
  uint16_t selector;
  uint8_t type;
  uint8_t present, dpl, db, s, l, g, avl;
  uint8_t unusable;
  uint8_t padding;
};
static_assert(sizeof(KvmSegment) == 24);
static_assert(offsetof(KvmSegment, type) == 14);
static_assert(offsetof(KvmSegment, unusable) == 22);

struct KvmDtable {
  uint64_t base;
  uint16_t limit;
  uint16_t padding[3];
};
static_assert(sizeof(KvmDtable) == 16);

struct KvmSregs {
  KvmSegment cs, ds, es, fs, gs, ss;
  KvmSegment tr, ldt;
  KvmDtable gdt, idt;
  uint64_t cr0, cr2, cr3, cr4, cr8;
  uint64_t efer;
  uint64_t apic_base;
  uint64_t interrupt_bitmap[4];
};
static_assert(sizeof(KvmSregs) == 312);
static_assert(offsetof(KvmSregs, tr) == 144);
static_assert(offsetof(KvmSregs, gdt) == 192);
static_assert(offsetof(KvmSregs, cr0) == 224);
static_assert(offsetof(KvmSregs, efer) == 264);
static_assert(offsetof(KvmSregs, interrupt_bitmap) == 280);

struct KvmVcpuEvents {
  struct {
    uint8_t injected;
    uint8_t nr;
    uint8_t has_error_code;
    uint8_t pending;
    uint32_t error_code;
  } exception;
  struct {
    uint8_t injected;
    uint8_t nr;
    uint8_t soft;
    uint8_t shadow;
  } interrupt;
  struct {
    uint8_t injected;
    uint8_t pending;
    uint8_t masked;
    uint8_t pad;
  } nmi;
  uint32_t sipi_vector;
  uint32_t flags;
  struct {
    uint8_t smm;
    uint8_t pending;
    uint8_t smm_inside_nmi;
    uint8_t latched_init;
  } smi;
  struct {
    uint8_t pending;
  } triple_fault;
  uint8_t reserved[26];
  uint8_t exception_has_payload;
  uint64_t exception_payload;
};
static_assert(sizeof(KvmVcpuEvents) == 64);
static_assert(offsetof(KvmVcpuEvents, interrupt) == 8);
static_assert(offsetof(KvmVcpuEvents, nmi) == 12);
static_assert(offsetof(KvmVcpuEvents, sipi_vector) == 16);
static_assert(offsetof(KvmVcpuEvents, smi) == 24);
static_assert(offsetof(KvmVcpuEvents, triple_fault) == 28);
static_assert(offsetof(KvmVcpuEvents, exception_has_payload) == 55);
static_assert(offsetof(KvmVcpuEvents, exception_payload) == 56);

struct KvmSyncRegs {
  KvmRegs regs;
  KvmSregs sregs;
  KvmVcpuEvents events;
};
static_assert(sizeof(KvmSyncRegs) == 520);
static_assert(offsetof(KvmSyncRegs, sregs) == 144);
static_assert(offsetof(KvmSyncRegs, events) == 456);

// The head of a vCPU's shared area. Only the exits this project handles are named.
struct KvmRun {
  uint8_t request_interrupt_window;
  uint8_t immediate_exit;
  uint8_t padding1[6];
  uint32_t exit_reason;
  uint8_t ready_for_interrupt_injection;
  uint8_t if_flag;
  uint16_t flags;
  uint64_t cr8;
  uint64_t apic_base;
  union {
    struct {
      uint64_t hardware_exit_reason;
    } hw;
    struct {
      uint64_t hardware_entry_failure_reason;
      uint32_t cpu;
    } fail_entry;
    struct {
      uint32_t exception;
      uint32_t error_code;
    } ex;
    struct {
      uint8_t direction;
      uint8_t size;
      uint16_t port;
      uint32_t count;
      uint64_t data_offset;
    } io;
    struct {
      uint64_t phys_addr;
      uint8_t data[8];
      uint32_t len;
      uint8_t is_write;
    } mmio;
    struct {
      uint64_t nr;
      uint64_t args[6];
      uint64_t ret;
      uint64_t flags;
    } hypercall;
    struct {
      uint32_t suberror;
      uint32_t ndata;
      uint64_t data[16];
    } internal;
    struct {
      uint32_t suberror;
      uint32_t ndata;
      uint64_t flags;
      uint8_t insn_size;
      uint8_t insn_bytes[15];
    } emulation_failure;
    struct {
      uint32_t type;
      uint32_t ndata;
      uint64_t data[16];
    } system_event;
    struct {
      uint8_t vector;
    } eoi;
    struct {
      uint8_t error;
      uint8_t pad[7];
      uint32_t reason;
      uint32_t index;
      uint64_t data;
    } msr;
    struct {
      uint64_t flags;
      uint64_t gpa;
      uint64_t size;
    } memory_fault;
    uint8_t padding[256];
  };
  uint64_t kvm_valid_regs;
  uint64_t kvm_dirty_regs;
  union {
    KvmSyncRegs regs;
    uint8_t padding[2048];
  } s;
};
static_assert(sizeof(KvmRun) == 2352);
static_assert(offsetof(KvmRun, immediate_exit) == 1);
static_assert(offsetof(KvmRun, exit_reason) == 8);
static_assert(offsetof(KvmRun, flags) == 14);
static_assert(offsetof(KvmRun, cr8) == 16);
static_assert(offsetof(KvmRun, apic_base) == 24);
static_assert(offsetof(KvmRun, hw) == 32);
static_assert(offsetof(KvmRun, io.data_offset) == 40);
static_assert(offsetof(KvmRun, mmio.len) == 48);
static_assert(offsetof(KvmRun, mmio.is_write) == 52);
static_assert(offsetof(KvmRun, hypercall.ret) == 88);
static_assert(offsetof(KvmRun, internal.data) == 40);
static_assert(offsetof(KvmRun, emulation_failure.insn_bytes) == 49);
static_assert(offsetof(KvmRun, msr.reason) == 40);
static_assert(offsetof(KvmRun, msr.data) == 48);
static_assert(offsetof(KvmRun, memory_fault.size) == 48);
static_assert(offsetof(KvmRun, kvm_valid_regs) == 288);
static_assert(offsetof(KvmRun, kvm_dirty_regs) == 296);
static_assert(offsetof(KvmRun, s) == 304);

struct KvmTranslation {
  uint64_t linear_address;
  uint64_t physical_address;
  uint8_t valid;
  uint8_t writeable;
  uint8_t usermode;
  uint8_t pad[5];
};
static_assert(sizeof(KvmTranslation) == 24);
static_assert(offsetof(KvmTranslation, valid) == 16);

struct KvmInterrupt {
  uint32_t irq;
};
static_assert(sizeof(KvmInterrupt) == 4);

struct KvmMsrEntry {
  uint32_t index;
  uint32_t reserved;
  uint64_t data;
};
static_assert(sizeof(KvmMsrEntry) == 16);
static_assert(offsetof(KvmMsrEntry, data) == 8);

struct KvmMsrs {
  uint32_t nmsrs;
  uint32_t pad;
  // KvmMsrEntry entries[nmsrs] follow
};
static_assert(sizeof(KvmMsrs) == 8);

struct KvmMpState {
  uint32_t mp_state;
};
static_assert(sizeof(KvmMpState) == 4);

struct KvmX86Mce {
  uint64_t status;
  uint64_t addr;
  uint64_t misc;
  uint64_t mcg_status;
  uint8_t bank;
  uint8_t pad1[7];
  uint64_t pad2[3];
};
static_assert(sizeof(KvmX86Mce) == 64);
static_assert(offsetof(KvmX86Mce, bank) == 32);

constexpr uint32_t kRun = KvmIo(0x80);
constexpr uint32_t kGetRegs = KvmIor<KvmRegs>(0x81);
constexpr uint32_t kSetRegs = KvmIow<KvmRegs>(0x82);
constexpr uint32_t kGetSregs = KvmIor<KvmSregs>(0x83);
constexpr uint32_t kSetSregs = KvmIow<KvmSregs>(0x84);
constexpr uint32_t kTranslate = KvmIowr<KvmTranslation>(0x85);
constexpr uint32_t kInterrupt = KvmIow<KvmInterrupt>(0x86);
constexpr uint32_t kGetMsrs = KvmIowr<KvmMsrs>(0x88);
constexpr uint32_t kSetMsrs = KvmIow<KvmMsrs>(0x89);
constexpr uint32_t kSetCpuid2 = KvmIow<KvmCpuid2>(0x90);
constexpr uint32_t kGetCpuid2 = KvmIowr<KvmCpuid2>(0x91);
constexpr uint32_t kGetMpState = KvmIor<KvmMpState>(0x98);
constexpr uint32_t kSetMpState = KvmIow<KvmMpState>(0x99);
constexpr uint32_t kNmi = KvmIo(0x9a);
constexpr uint32_t kX86SetupMce = KvmIow<uint64_t>(0x9c);
constexpr uint32_t kX86SetMce = KvmIow<KvmX86Mce>(0x9e);
constexpr uint32_t kGetVcpuEvents = KvmIor<KvmVcpuEvents>(0x9f);
constexpr uint32_t kSetVcpuEvents = KvmIow<KvmVcpuEvents>(0xa0);
constexpr uint32_t kGetTscKhz = KvmIo(0xa3);

// Numbers known from the documentation: the arithmetic above must give them.
static_assert(kSetUserMemoryRegion2 == 0x40a0ae49);
static_assert(kGetRegs == 0x8090ae81);
static_assert(kTranslate == 0xc018ae85);
static_assert(kRun == 0xae80);

}  // namespace faultlab::uapi

#endif  // KVM_FAULTLAB_UAPI_KVM_H_
