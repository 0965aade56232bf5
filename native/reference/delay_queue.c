#include "delay_queue.h"

#include "failure.h"

void PushDelayed(struct delay_queue* queue, int64_t due_ns, struct request request) {
  if (queue->length == RING_CELLS)
    Fail("REQUESTS_OVERFLOW", "more page requests are under way than there can be faults");
  unsigned hole = queue->length++;
  while (hole > 0) {
    const unsigned parent = (hole - 1) / 2;
    if (queue->entries[parent].due_ns <= due_ns) break;
    queue->entries[hole] = queue->entries[parent];
    hole = parent;
  }
  queue->entries[hole] = (struct delayed){due_ns, request};
}

bool PopDue(struct delay_queue* queue, int64_t now_ns, struct request* request) {
  if (queue->length == 0 || queue->entries[0].due_ns > now_ns) return false;
  *request = queue->entries[0].request;
  const struct delayed last = queue->entries[--queue->length];
  unsigned hole = 0;
  for (;;) {
    unsigned child = 2 * hole + 1;
    if (child >= queue->length) break;
    if (child + 1 < queue->length && queue->entries[child + 1].due_ns < queue->entries[child].due_ns) child++;
    if (queue->entries[child].due_ns >= last.due_ns) break;
    queue->entries[hole] = queue->entries[child];
    hole = child;
  }
  queue->entries[hole] = last;
  return true;
}

int64_t NextDueNs(const struct delay_queue* queue) { return queue->length == 0 ? INT64_MAX : queue->entries[0].due_ns; }
