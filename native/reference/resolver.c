#include "resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../guest/include/abi.h"
#include "clock.h"
#include "failure.h"
#include "thread.h"
#include "uffd.h"

#define LONGEST_WAIT_NS 100000000LL
#define MOST_BATCHED_PAGES 64
#define MOST_MESSAGES 64
// The latency is to be the one asked for.
#define TIMER_SLACK_NS 1000

void InitResolver(struct resolver* resolver) {
  resolver->image = -1;
  resolver->wake = (int)Checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "MEMORY", "eventfd");
  const char* path = resolver->options->image;
  if (path == NULL) return;
  resolver->image = open(path, O_RDONLY | O_CLOEXEC);
  if (resolver->image < 0) Fail("FILE", "%s cannot be opened: %s", path, strerrordesc_np(errno));
  struct stat status;
  Checked(fstat(resolver->image, &status), "FILE", path);
  resolver->image_size = (uint64_t)status.st_size;
}

static void Fill(const struct resolver* resolver, uint64_t page, uint64_t count) {
  const uint64_t start = page * PAGE_SIZE;
  uint64_t end = start + count * PAGE_SIZE;
  if (end > resolver->image_size) end = resolver->image_size;
  for (uint64_t at = start; at < end;) {
    const ssize_t got = pread(resolver->image, resolver->window->host_view + at, end - at, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      Fail("FILE", "%s cannot be read at byte %llu: %s", resolver->options->image, (unsigned long long)at,
           got == 0 ? "it became shorter" : strerrordesc_np(errno));
    at += (uint64_t)got;
  }
}

// Data first, then the bit, then the word that wakes waiters, then the guest's event: each is only true once the one
// before is.
static void Complete(struct resolver* resolver, struct request request) {
  if (!IsPresent(resolver->pages, request.page)) {
    atomic_fetch_and(&resolver->pages->bitmap[request.page / 32], ~(1U << request.page % 32));
    atomic_store(&resolver->pages->states[request.page], PAGE_PRESENT);
    if (request.tag == SYNC_TAG) WakeWord(&resolver->pages->states[request.page]);
  }
  if (request.tag != SYNC_TAG) CompleteAsyncPf(resolver->apf, request.tag);
}

static void Accept(struct resolver* resolver, int64_t now_ns, struct request request) {
  uint32_t missing = PAGE_MISSING;
  if (atomic_compare_exchange_strong(&resolver->pages->states[request.page], &missing, PAGE_REQUESTED)) {
    resolver->faults++;
    PushDelayed(&resolver->queue, now_ns + (int64_t)resolver->options->latency_ns, request);
  } else if (IsPresent(resolver->pages, request.page)) {
    resolver->raced++;
    if (!CatchesByExit(resolver->options->mode))
      MapPages(resolver->uffd, resolver->window, request.page, 1);
    else
      Complete(resolver, request);
  } else {
    // One vCPU asks for a page once; a sleeper that was interrupted asks again and is woken with the first.
    resolver->repeated++;
    if (request.tag != SYNC_TAG)
      Fail("REPEATED_REQUEST", "page %llu was asked for twice", (unsigned long long)request.page);
  }
}

// Everything that is due, runs of neighbouring pages in one go.
static void Serve(struct resolver* resolver, int64_t now_ns) {
  struct request due[MOST_BATCHED_PAGES];
  while (NextDueNs(&resolver->queue) <= now_ns) {
    unsigned count = 0;
    while (count < MOST_BATCHED_PAGES && PopDue(&resolver->queue, now_ns, &due[count])) count++;
    for (unsigned start = 0; start < count;) {
      unsigned end = start + 1;
      while (end < count && due[end].page == due[start].page + (end - start)) end++;
      Fill(resolver, due[start].page, end - start);
      MapPages(resolver->uffd, resolver->window, due[start].page, end - start);
      resolver->batches++;
      resolver->pages_delivered += end - start;
      for (; start < end; start++) Complete(resolver, due[start]);
    }
  }
}

static void ServeRequests(struct resolver* resolver) {
  for (;;) {
    const uint32_t bell = atomic_load(&resolver->ring->bell);
    if (atomic_load(&resolver->stopped)) return;
    const int64_t now_ns = MonotonicNs();
    struct request request;
    while (Take(resolver->ring, &request)) Accept(resolver, now_ns, request);
    Serve(resolver, now_ns);
    const int64_t due_ns = NextDueNs(&resolver->queue);
    const int64_t wait_ns = due_ns == INT64_MAX ? LONGEST_WAIT_NS : due_ns - MonotonicNs();
    if (wait_ns > 0) WaitForBell(resolver->ring, bell, wait_ns < LONGEST_WAIT_NS ? wait_ns : LONGEST_WAIT_NS);
  }
}

static void AcceptMessage(struct resolver* resolver, int64_t now_ns, const struct uffd_msg* message) {
  if (message->event != UFFD_EVENT_PAGEFAULT) return;
  const uint64_t page = (message->arg.pagefault.address - (uintptr_t)resolver->window->guest_view) / PAGE_SIZE;
  if (page >= resolver->window->pages) Fail("UFFD", "userfaultfd reported a fault outside the window");
  Accept(resolver, now_ns, (struct request){page, SYNC_TAG});
}

static void ServeMessages(struct resolver* resolver) {
  struct uffd_msg messages[MOST_MESSAGES];
  while (!atomic_load(&resolver->stopped)) {
    const int64_t due_ns = NextDueNs(&resolver->queue);
    int64_t wait_ns = due_ns == INT64_MAX ? LONGEST_WAIT_NS : due_ns - MonotonicNs();
    if (wait_ns > LONGEST_WAIT_NS) wait_ns = LONGEST_WAIT_NS;
    if (wait_ns < 0) wait_ns = 0;
    struct pollfd descriptors[] = {{.fd = resolver->uffd, .events = POLLIN}, {.fd = resolver->wake, .events = POLLIN}};
    const struct timespec timeout = ToTimespec(wait_ns);
    if (ppoll(descriptors, 2, &timeout, NULL) < 0 && errno != EINTR) FailErrno("UFFD", "poll of the userfaultfd");
    ssize_t got = 0;
    if (descriptors[0].revents != 0) got = read(resolver->uffd, messages, sizeof messages);
    if (got < 0 && errno != EAGAIN && errno != EINTR) FailErrno("UFFD", "read of the userfaultfd");
    const int64_t now_ns = MonotonicNs();
    for (ssize_t i = 0; i < got / (ssize_t)sizeof *messages; i++) AcceptMessage(resolver, now_ns, &messages[i]);
    Serve(resolver, now_ns);
  }
}

void* RunResolver(void* argument) {
  struct resolver* resolver = argument;
  PinThread(resolver->options->resolver_cpu);
  Checked(prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0), "THREAD", "PR_SET_TIMERSLACK");
  if (CatchesByExit(resolver->options->mode))
    ServeRequests(resolver);
  else
    ServeMessages(resolver);
  return NULL;
}

void StopResolver(struct resolver* resolver) {
  atomic_store(&resolver->stopped, true);
  eventfd_write(resolver->wake, 1);
  Ring(resolver->ring);
}
