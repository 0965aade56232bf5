// CLOCK_MONOTONIC, and waiting on a word of memory.
#ifndef KVM_FAULTLAB_REFERENCE_CLOCK_H_
#define KVM_FAULTLAB_REFERENCE_CLOCK_H_

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000LL

static inline int64_t MonotonicNs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static inline struct timespec ToTimespec(int64_t ns) {
  return (struct timespec){.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
}

// Sleeps while `word` holds `seen`, for `timeout_ns` at most; may also come back for nothing.
static inline void WaitOnWord(_Atomic uint32_t* word, uint32_t seen, int64_t timeout_ns) {
  const struct timespec timeout = ToTimespec(timeout_ns);
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &timeout, NULL, 0);
}

static inline void WakeWord(_Atomic uint32_t* word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

#endif  // KVM_FAULTLAB_REFERENCE_CLOCK_H_
