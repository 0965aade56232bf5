// Calls that a signal may interrupt.
#ifndef KVM_FAULTLAB_RETRY_H_
#define KVM_FAULTLAB_RETRY_H_

#include <cerrno>

namespace faultlab {

// What a system call returned, and errno, taken at once.
struct CallResult {
  long value = -1;
  int error = 0;
  bool ok() const { return value >= 0; }
};

template <class F>
CallResult Call(F&& call) {
  CallResult result;
  result.value = call();
  result.error = result.value < 0 ? errno : 0;
  return result;
}

// Again while interrupted, as often as a vCPU thread's timer could do in seconds: a call that a signal always catches
// must end too. `attempt` returns a CallResult.
template <class F>
CallResult WhileInterrupted(F&& attempt) {
  constexpr int kMaxAttempts = 64;
  CallResult result;
  for (int i = 0; i < kMaxAttempts; i++) {
    result = attempt();
    if (result.ok() || result.error != EINTR) break;
  }
  return result;
}

// The same for a call that leaves its error in errno.
template <class F>
CallResult CallRetrying(F&& call) {
  return WhileInterrupted([&] { return Call(call); });
}

}  // namespace faultlab

#endif  // KVM_FAULTLAB_RETRY_H_
