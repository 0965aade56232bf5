// The VM and its one vCPU, set up as the guest's boot contract says (docs/GUEST.md).
#ifndef KVM_FAULTLAB_REFERENCE_VM_H_
#define KVM_FAULTLAB_REFERENCE_VM_H_

#include <linux/kvm.h>
#include <stdint.h>

#include "guest.h"
#include "memory.h"
#include "options.h"

struct vm {
  int kvm;
  int fd;
};

struct vcpu {
  int fd;
  struct kvm_run* run;
  uint64_t tsc_khz;
};

// Fail with KVM.
struct vm MakeVm(const struct options* options, const struct guest* guest, const struct window* window);
// On the thread that will run it.
struct vcpu MakeVcpu(const struct vm* vm, const struct options* options, const struct guest* guest);

// Raises `vector` on the vCPU's local APIC; from any thread.
void SignalMsi(const struct vm* vm, uint8_t vector);

#endif  // KVM_FAULTLAB_REFERENCE_VM_H_
