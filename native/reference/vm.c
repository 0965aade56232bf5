#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "async_pf.h"
#include "failure.h"

#define IOAPIC_PINS 24
#define MOST_CPUID_ENTRIES 256
#define KVM_FEATURES_LEAF 0x40000001
#define FEATURE_ASYNC_PF (1U << 4)
#define FEATURE_ASYNC_PF_VMEXIT (1U << 10)
#define FEATURE_ASYNC_PF_INT (1U << 14)
#define CPUID_1_ECX_X2APIC (1U << 21)
#define CPUID_1_ECX_HYPERVISOR (1U << 31)

static long Ioctl(int fd, unsigned long request, void* argument, const char* name) {
  const long result = ioctl(fd, request, argument);
  if (result < 0) Fail("KVM", "%s failed: %s", name, strerrordesc_np(errno));
  return result;
}

static void EnableCap(int fd, uint32_t capability, uint64_t argument, const char* name) {
  struct kvm_enable_cap enable = {.cap = capability, .args = {argument}};
  Ioctl(fd, KVM_ENABLE_CAP, &enable, name);
}

static void AddSlot(int vm, uint32_t slot, uint64_t gpa, uint64_t size, const void* memory) {
  struct kvm_userspace_memory_region region = {
      .slot = slot,
      .guest_phys_addr = gpa,
      .memory_size = size,
      .userspace_addr = (uintptr_t)memory,
  };
  Ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
}

// The guest's accesses of the protocol's MSRs come to the VMM; all others stay in the kernel.
static void FilterMsrs(int vm) {
  static uint8_t denied[1];
  struct kvm_msr_filter filter = {.flags = KVM_MSR_FILTER_DEFAULT_ALLOW};
  const uint32_t msrs[] = {MSR_ASYNC_PF_EN, MSR_ASYNC_PF_INT, MSR_ASYNC_PF_ACK};
  for (unsigned i = 0; i < sizeof msrs / sizeof *msrs; i++) {
    filter.ranges[i] = (struct kvm_msr_filter_range){
        .flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, .base = msrs[i], .nmsrs = 1, .bitmap = denied};
  }
  Ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter, "KVM_X86_SET_MSR_FILTER");
}

struct vm MakeVm(const struct options* options, const struct guest* guest, const struct window* window) {
  const int kvm = (int)Checked(open("/dev/kvm", O_RDWR | O_CLOEXEC), "KVM", "open of /dev/kvm");
  const struct vm vm = {.kvm = kvm, .fd = (int)Checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM", "KVM_CREATE_VM")};
  EnableCap(vm.fd, KVM_CAP_SPLIT_IRQCHIP, IOAPIC_PINS, "KVM_CAP_SPLIT_IRQCHIP");
  // KVM answers a slow page with a halt of the vCPU, unless the guest's own HLT is not KVM's to see.
  if (options->mode != MODE_APF_KERNEL)
    EnableCap(vm.fd, KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_EXITS_HLT, "KVM_CAP_X86_DISABLE_EXITS");
  if (options->mode == MODE_APF_USER) {
    EnableCap(vm.fd, KVM_CAP_EXCEPTION_PAYLOAD, 1, "KVM_CAP_EXCEPTION_PAYLOAD");
    EnableCap(vm.fd, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER, "KVM_CAP_X86_USER_SPACE_MSR");
    FilterMsrs(vm.fd);
  }
  AddSlot(vm.fd, 0, guest->low.gpa, guest->low.size, guest->low.bytes);
  AddSlot(vm.fd, 1, guest->tables.gpa, guest->tables.size, guest->tables.bytes);
  AddSlot(vm.fd, 2, WINDOW_BASE, window->pages * PAGE_SIZE, window->guest_view);
  return vm;
}

static void SetCpuid(const struct vm* vm, int vcpu, bool offers_async_pf) {
  struct kvm_cpuid2* cpuid = Allocate(1, sizeof *cpuid + MOST_CPUID_ENTRIES * sizeof *cpuid->entries);
  cpuid->nent = MOST_CPUID_ENTRIES;
  Ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid, "KVM_GET_SUPPORTED_CPUID");
  for (unsigned i = 0; i < cpuid->nent; i++) {
    struct kvm_cpuid_entry2* entry = &cpuid->entries[i];
    if (entry->function == 1) {
      entry->ecx |= CPUID_1_ECX_X2APIC | CPUID_1_ECX_HYPERVISOR;
      entry->ebx &= 0x00ffffff;
    }
    if (entry->function == 0x0b || entry->function == 0x1f) entry->edx = 0;
    if (entry->function != KVM_FEATURES_LEAF) continue;
    entry->eax &= ~(FEATURE_ASYNC_PF | FEATURE_ASYNC_PF_INT | FEATURE_ASYNC_PF_VMEXIT);
    if (offers_async_pf) entry->eax |= FEATURE_ASYNC_PF | FEATURE_ASYNC_PF_INT;
  }
  Ioctl(vcpu, KVM_SET_CPUID2, cpuid, "KVM_SET_CPUID2");
}

static struct kvm_segment Segment(uint16_t selector, uint8_t type, bool code) {
  return (struct kvm_segment){
      .limit = 0xffffffff, .selector = selector, .type = type, .present = 1, .s = 1, .g = 1, .l = code, .db = !code};
}

static void SetRegisters(int vcpu, const struct guest* guest) {
  struct kvm_sregs sregs;
  Ioctl(vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
  // PG, WP, NE, ET, MP, PE; MCE, PAE; NXE, LMA, LME, SCE.
  sregs.cr0 = 0x80010033;
  sregs.cr3 = guest->root;
  sregs.cr4 = 0x60;
  sregs.efer = 0xd01;
  // Enabled, in x2APIC mode, the boot processor's.
  sregs.apic_base = 0xfee00000 | 1 << 11 | 1 << 10 | 1 << 8;
  sregs.gdt = (struct kvm_dtable){.base = DESCRIPTOR_BASE, .limit = SELECTOR_TSS + 16 - 1};
  sregs.idt = (struct kvm_dtable){.base = IDT_BASE, .limit = PAGE_SIZE - 1};
  sregs.cs = Segment(SELECTOR_KERNEL_CODE, 0xb, true);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = Segment(SELECTOR_KERNEL_DATA, 0x3, false);
  sregs.tr = (struct kvm_segment){
      .base = DESCRIPTOR_BASE + TSS_OFFSET, .limit = 103, .selector = SELECTOR_TSS, .type = 0xb, .present = 1};
  sregs.ldt = (struct kvm_segment){.unusable = 1};
  Ioctl(vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
  struct kvm_regs regs = {
      .rip = guest->entry,
      .rsp = guest->stack_top,
      .rflags = 2,
      .rsi = VCPU_BLOCK_BASE,
      .rdx = DESCRIPTOR_BASE + TSS_OFFSET,
  };
  Ioctl(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
  struct kvm_mp_state state = {.mp_state = KVM_MP_STATE_RUNNABLE};
  Ioctl(vcpu, KVM_SET_MP_STATE, &state, "KVM_SET_MP_STATE");
}

struct vcpu MakeVcpu(const struct vm* vm, const struct options* options, const struct guest* guest) {
  struct vcpu vcpu = {.fd = (int)Checked(ioctl(vm->fd, KVM_CREATE_VCPU, 0), "KVM", "KVM_CREATE_VCPU")};
  const long size = Checked(ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM", "KVM_GET_VCPU_MMAP_SIZE");
  vcpu.run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.fd, 0);
  if (vcpu.run == MAP_FAILED) FailErrno("KVM", "mmap of struct kvm_run");
  SetCpuid(vm, vcpu.fd, OffersAsyncPf(options->mode));
  SetRegisters(vcpu.fd, guest);
  // KVM serves the MSRs of features that CPUID does not show unless it is told.
  if (!OffersAsyncPf(options->mode) && ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_ENFORCE_PV_FEATURE_CPUID) > 0)
    EnableCap(vcpu.fd, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1, "KVM_CAP_ENFORCE_PV_FEATURE_CPUID");
  if (CatchesByExit(options->mode))
    vcpu.run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
  vcpu.tsc_khz = (uint64_t)Checked(ioctl(vcpu.fd, KVM_GET_TSC_KHZ, 0), "KVM", "KVM_GET_TSC_KHZ");
  return vcpu;
}

void SignalMsi(const struct vm* vm, uint8_t vector) {
  // Fixed delivery, physical destination, APIC 0.
  struct kvm_msi msi = {.address_lo = 0xfee00000, .data = vector};
  Ioctl(vm->fd, KVM_SIGNAL_MSI, &msi, "KVM_SIGNAL_MSI");
}
