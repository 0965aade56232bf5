// The structures and requests of KVM on x86-64 that the addon passes to a vCPU, and its shared area; see kvm.h.
#ifndef KVM_FAULTLAB_UAPI_VCPU_H_
#define KVM_FAULTLAB_UAPI_VCPU_H_

#include <cstddef>
#include <cstdint>

#include "ioctl.h"
#include "kvm.h"

namespace faultlab::uapi {

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

struct KvmDeviceAttr {
  uint32_t flags;
  uint32_t group;
  uint64_t attr;
  uint64_t addr;  // a pointer to the value
};
static_assert(sizeof(KvmDeviceAttr) == 24);
static_assert(offsetof(KvmDeviceAttr, addr) == 16);

// Documentation/virt/kvm/devices/vcpu.rst, KVM_VCPU_TSC_CTRL.
constexpr uint32_t kVcpuTscCtrl = 0;
constexpr uint64_t kVcpuTscOffset = 0;

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
constexpr uint32_t kSetDeviceAttr = KvmIow<KvmDeviceAttr>(0xe1);
constexpr uint32_t kGetDeviceAttr = KvmIow<KvmDeviceAttr>(0xe2);

static_assert(kGetRegs == 0x8090ae81);
static_assert(kTranslate == 0xc018ae85);
static_assert(kRun == 0xae80);

}  // namespace faultlab::uapi

#endif  // KVM_FAULTLAB_UAPI_VCPU_H_
