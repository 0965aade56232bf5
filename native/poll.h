// Waiting for descriptors, with an end.
#ifndef KVM_FAULTLAB_POLL_H_
#define KVM_FAULTLAB_POLL_H_

#include <poll.h>

#include <cstddef>
#include <cstdint>

namespace faultlab {

// ppoll(2) until one is ready or `timeoutNs` have passed, signals notwithstanding. How many are ready; 0 on time-out; a
// negative errno.
int PollFor(pollfd* descriptors, size_t count, int64_t timeoutNs);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_POLL_H_
