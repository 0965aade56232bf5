#include "poll.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "clock.h"

namespace faultlab {
namespace {

// Readable once all waits are over. Never closed: Workers may wait for as long as the process lives.
int EndDescriptor() {
  static const int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return descriptor;
}

}  // namespace

Polled PollFor(int first, int second, int64_t timeoutNs) {
  std::array<pollfd, 3> descriptors = {{{first, POLLIN, 0}, {second, POLLIN, 0}, {EndDescriptor(), POLLIN, 0}}};
  const int64_t deadline = MonotonicNs() + timeoutNs;
  int64_t left = timeoutNs;
  while (true) {
    const timespec timeout = ToTimespec(left);
    const int ready = ppoll(descriptors.data(), descriptors.size(), &timeout, nullptr);
    const int error = errno;
    if (ready >= 0) return {descriptors[0].revents != 0, descriptors[1].revents != 0, 0};
    if (error != EINTR) return {false, false, error};
    left = deadline - MonotonicNs();
    if (left <= 0) return {};
  }
}

void PrepareWaits() { EndDescriptor(); }

void EndAllWaits() { eventfd_write(EndDescriptor(), 1); }

}  // namespace faultlab
