// The signal that ends a KVM_RUN.
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

// A timer that sends the signal to one thread at intervals.
class SliceTimer {
 public:
  SliceTimer() = default;
  ~SliceTimer() { Delete(); }
  SliceTimer(const SliceTimer&) = delete;
  SliceTimer& operator=(const SliceTimer&) = delete;
  SliceTimer(SliceTimer&&) = delete;
  SliceTimer& operator=(SliceTimer&&) = delete;

  // 0 or an errno.
  int Create(pid_t threadId);
  int Arm(int64_t intervalNs);
  void Delete();

 private:
  timer_t timer_ = nullptr;
  bool created_ = false;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_KICK_SIGNAL_H_
