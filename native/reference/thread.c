#include "thread.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "failure.h"

void PinThread(int64_t cpu) {
  if (cpu < 0) return;
  cpu_set_t* set = CPU_ALLOC((size_t)cpu + 1);
  const size_t size = CPU_ALLOC_SIZE((size_t)cpu + 1);
  if (set == NULL) Fail("MEMORY", "no memory for a set of CPUs");
  CPU_ZERO_S(size, set);
  CPU_SET_S((size_t)cpu, size, set);
  if (sched_setaffinity(0, size, set) != 0) Fail("THREAD", "CPU %lld: %s", (long long)cpu, strerrordesc_np(errno));
  CPU_FREE(set);
}

pthread_t StartThread(void* (*body)(void*), void* argument) {
  pthread_t thread;
  const int error = pthread_create(&thread, NULL, body, argument);
  if (error != 0) Fail("THREAD", "pthread_create: %s", strerrordesc_np(error));
  return thread;
}

void JoinThread(pthread_t thread, uint64_t timeout_seconds, const char* what) {
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_sec += (time_t)timeout_seconds;
  const int error = pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &deadline);
  if (error == ETIMEDOUT) Fail("TIMEOUT", "waited %llu s for %s", (unsigned long long)timeout_seconds, what);
  if (error != 0) Fail("THREAD", "pthread_join: %s", strerrordesc_np(error));
}
