// Requests on their way: a binary heap by due time. Any number at once, each after its own latency.
#ifndef KVM_FAULTLAB_REFERENCE_DELAY_QUEUE_H_
#define KVM_FAULTLAB_REFERENCE_DELAY_QUEUE_H_

#include <stdbool.h>
#include <stdint.h>

#include "request_ring.h"

struct delayed {
  int64_t due_ns;
  struct request request;
};

struct delay_queue {
  unsigned length;
  struct delayed entries[RING_CELLS];
};

// Fails with REQUESTS_OVERFLOW.
void PushDelayed(struct delay_queue* queue, int64_t due_ns, struct request request);
// The earliest one, if it is due.
bool PopDue(struct delay_queue* queue, int64_t now_ns, struct request* request);
// When the next one is due; INT64_MAX when none is.
int64_t NextDueNs(const struct delay_queue* queue);

#endif  // KVM_FAULTLAB_REFERENCE_DELAY_QUEUE_H_
