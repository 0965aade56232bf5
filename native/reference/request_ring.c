#include "request_ring.h"

#include "clock.h"
#include "failure.h"

void Ring(struct request_ring* ring) {
  atomic_fetch_add(&ring->bell, 1);
  if (atomic_load(&ring->sleeping) != 0) WakeWord(&ring->bell);
}

void Offer(struct request_ring* ring, uint64_t page, uint64_t tag) {
  const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
  if (tail - atomic_load(&ring->head) == RING_CELLS)
    Fail("REQUEST_RING_FULL", "more faults are under way than the ring was made for");
  ring->cells[tail % RING_CELLS] = (struct request){page, tag};
  atomic_store(&ring->tail, tail + 1);
  Ring(ring);
}

bool Take(struct request_ring* ring, struct request* request) {
  const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
  if (head == atomic_load(&ring->tail)) return false;
  *request = ring->cells[head % RING_CELLS];
  atomic_store(&ring->head, head + 1);
  return true;
}

void WaitForBell(struct request_ring* ring, uint32_t seen, int64_t timeout_ns) {
  atomic_store(&ring->sleeping, 1);
  // The bell is looked at by the kernel once more: one that rang before `sleeping` was seen ends the wait.
  WaitOnWord(&ring->bell, seen, timeout_ns);
  atomic_store(&ring->sleeping, 0);
}
