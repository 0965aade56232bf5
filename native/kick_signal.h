// The signal that ends what a thread waits for in the kernel: KVM_RUN, or a page that a guarded copy needs.
#ifndef KVM_FAULTLAB_KICK_SIGNAL_H_
#define KVM_FAULTLAB_KICK_SIGNAL_H_

#include <sys/types.h>
#include <time.h>

#include <cstdint>

namespace faultlab {

// Lets this thread be kicked: installs the handler (once for the process) and unblocks the signal here. 0 or an errno.
int PrepareKickableThread();

// Sends the signal to a thread of this process. 0 or an errno.
int SendKick(pid_t threadId);

// A timer that sends the signal to one thread.
class SignalTimer {
 public:
  SignalTimer() = default;
  ~SignalTimer() { Delete(); }
  SignalTimer(const SignalTimer&) = delete;
  SignalTimer& operator=(const SignalTimer&) = delete;
  SignalTimer(SignalTimer&&) = delete;
  SignalTimer& operator=(SignalTimer&&) = delete;

  // 0 or an errno.
  int Create(pid_t threadId);
  // First after `firstNs`, then at intervals.
  int Arm(int64_t firstNs, int64_t intervalNs);
  void Delete();

 private:
  timer_t timer_ = nullptr;
  bool created_ = false;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_KICK_SIGNAL_H_
