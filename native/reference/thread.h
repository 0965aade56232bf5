// Threads: where they run, and waiting for them with an end.
#ifndef KVM_FAULTLAB_REFERENCE_THREAD_H_
#define KVM_FAULTLAB_REFERENCE_THREAD_H_

#include <pthread.h>
#include <stdint.h>

// The calling thread; -1 leaves it where it is. Fails with THREAD.
void PinThread(int64_t cpu);

pthread_t StartThread(void* (*body)(void*), void* argument);

// Fails with TIMEOUT, saying what was waited for.
void JoinThread(pthread_t thread, uint64_t timeout_seconds, const char* what);

#endif  // KVM_FAULTLAB_REFERENCE_THREAD_H_
