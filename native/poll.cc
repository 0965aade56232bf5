#include "poll.h"

#include <algorithm>
#include <cerrno>

#include "clock.h"

namespace faultlab {

int PollFor(pollfd* descriptors, size_t count, int64_t timeoutNs) {
  const int64_t deadline = MonotonicNs() + timeoutNs;
  int64_t left = timeoutNs;
  while (true) {
    const timespec timeout = ToTimespec(left);
    const int ready = ppoll(descriptors, count, &timeout, nullptr);
    const int error = errno;
    if (ready >= 0) return ready;
    if (error != EINTR) return -error;
    left = deadline - MonotonicNs();
    if (left <= 0) return 0;
  }
}

}  // namespace faultlab
