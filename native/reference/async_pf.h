// The host's end of KVM's async page fault protocol, as user space plays it (mode apf-user): MSRs, tokens, ready
// events.
#ifndef KVM_FAULTLAB_REFERENCE_ASYNC_PF_H_
#define KVM_FAULTLAB_REFERENCE_ASYNC_PF_H_

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "memory.h"
#include "vm.h"

#define MSR_ASYNC_PF_EN 0x4b564d02
#define MSR_ASYNC_PF_INT 0x4b564d06
#define MSR_ASYNC_PF_ACK 0x4b564d07
#define MOST_ASYNC_PF 64
#define READY_CELLS 256
// What a page request carries when the vCPU itself waits. Else: generation << 32 | token.
#define SYNC_TAG 0

struct async_pf {
  const struct vm* vm;
  const struct guest* guest;
  const struct pages* pages;
  // The vCPU's own.
  uint64_t enable;
  uint32_t vector;
  uint32_t sequence;
  unsigned used;
  bool slot_used[MOST_ASYNC_PF];
  // Whether the guest still waits for it.
  bool slot_live[MOST_ASYNC_PF];
  uint64_t slot_page[MOST_ASYNC_PF];

  // Ready events on their way to the guest: one is in its token word at a time. Of whoever holds the lock.
  pthread_mutex_t lock;
  // flags, token; NULL while delivery is disabled.
  _Atomic uint32_t* area;
  uint32_t delivery_vector;
  uint32_t generation;
  bool pending;
  bool wake_all_queued;
  uint32_t tokens[READY_CELLS];
  uint32_t head, tail;
  uint64_t delivered, stale;
};

void InitAsyncPf(struct async_pf* apf, const struct vm* vm, const struct guest* guest, const struct pages* pages);

// The guest wrote an MSR of the protocol; false when it gets #GP. The vCPU's thread.
bool WriteAsyncPfMsr(struct async_pf* apf, uint32_t index, uint64_t value);
// The guest read one; false when it gets #GP.
bool ReadAsyncPfMsr(const struct async_pf* apf, uint32_t index, uint64_t* value);

// A page is missing: tells the guest, by events of the next KVM_RUN, if it can be told. The tag for the page's request.
uint64_t TellNotPresent(struct async_pf* apf, uint64_t page, struct kvm_run* run);

// The page behind a tag is there. Any thread.
void CompleteAsyncPf(struct async_pf* apf, uint64_t tag);

// Looks again at events that waited for a guest that empties the token word without a write of the ACK MSR.
void PollReadyEvents(struct async_pf* apf);

#endif  // KVM_FAULTLAB_REFERENCE_ASYNC_PF_H_
