// The thread of the vCPU: creates it, runs it, plays the VMM for its exits until the guest is done.
#ifndef KVM_FAULTLAB_REFERENCE_VCPU_LOOP_H_
#define KVM_FAULTLAB_REFERENCE_VCPU_LOOP_H_

#include "async_pf.h"
#include "guest.h"
#include "memory.h"
#include "options.h"
#include "request_ring.h"
#include "vm.h"

struct vcpu_loop {
  const struct options* options;
  const struct vm* vm;
  const struct guest* guest;
  const struct window* window;
  const struct pages* pages;
  struct request_ring* ring;
  struct async_pf* apf;

  uint64_t tsc_khz;
  uint64_t exits, doorbells, msr_exits, fault_exits, interruptions, spurious_faults, sync_waits, not_present;
  // Inside KVM_RUN.
  int64_t run_ns;
};

// Thread body. Fails with KVM, UNHANDLED_EXIT, GUEST_PANIC, and what the locator says.
void* RunVcpuLoop(void* loop);

#endif  // KVM_FAULTLAB_REFERENCE_VCPU_LOOP_H_
