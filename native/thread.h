// The calling thread: its number, its CPUs, its timers; and the clock all share.
#ifndef KVM_FAULTLAB_THREAD_H_
#define KVM_FAULTLAB_THREAD_H_

#include <napi.h>
#include <sys/types.h>

namespace faultlab {

// gettid(2), asked once a thread.
pid_t CurrentThreadId();

// monotonicNs, tsc, threadId, setTimerSlackNs, setAffinity, getAffinity.
void DefineThreadFunctions(Napi::Env env, Napi::Object exports);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_THREAD_H_
