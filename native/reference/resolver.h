// The thread that brings pages: learns of them, waits out the latency, reads the image, maps, completes.
#ifndef KVM_FAULTLAB_REFERENCE_RESOLVER_H_
#define KVM_FAULTLAB_REFERENCE_RESOLVER_H_

#include "async_pf.h"
#include "delay_queue.h"
#include "memory.h"
#include "options.h"
#include "request_ring.h"

struct resolver {
  const struct options* options;
  const struct window* window;
  const struct pages* pages;
  struct request_ring* ring;
  struct async_pf* apf;
  int uffd;
  // Readable once the resolver is to end.
  int wake;
  _Atomic bool stopped;

  int image;
  uint64_t image_size;
  struct delay_queue queue;
  uint64_t faults, repeated, raced, pages_delivered, batches;
};

// Opens the image. Fails with FILE.
void InitResolver(struct resolver* resolver);
// Thread body: serves until StopResolver(). Fails with FILE or UFFD.
void* RunResolver(void* resolver);
// Any thread.
void StopResolver(struct resolver* resolver);

#endif  // KVM_FAULTLAB_REFERENCE_RESOLVER_H_
