// Page requests from the vCPU's thread to the resolver's: one producer, one consumer, and a bell to sleep on.
#ifndef KVM_FAULTLAB_REFERENCE_REQUEST_RING_H_
#define KVM_FAULTLAB_REFERENCE_REQUEST_RING_H_

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Every fault that a vCPU can have under way, twice over.
#define RING_CELLS 256

struct request {
  uint64_t page;
  uint64_t tag;
};

struct request_ring {
  _Alignas(64) _Atomic uint32_t head;
  _Alignas(64) _Atomic uint32_t tail;
  _Alignas(64) _Atomic uint32_t bell;
  _Atomic uint32_t sleeping;
  struct request cells[RING_CELLS];
};

// Adds a request and wakes the resolver. Fails with REQUEST_RING_FULL.
void Offer(struct request_ring* ring, uint64_t page, uint64_t tag);
// False when there is none.
bool Take(struct request_ring* ring, struct request* request);
// Wakes the resolver without a request.
void Ring(struct request_ring* ring);
// Sleeps until the bell moves on from `seen`, `timeout_ns` at most.
void WaitForBell(struct request_ring* ring, uint32_t seen, int64_t timeout_ns);

#endif  // KVM_FAULTLAB_REFERENCE_REQUEST_RING_H_
