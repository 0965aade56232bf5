// CLOCK_MONOTONIC.
#ifndef KVM_FAULTLAB_CLOCK_H_
#define KVM_FAULTLAB_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace faultlab {

constexpr int64_t kNsPerSecond = 1'000'000'000;

inline int64_t MonotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * kNsPerSecond + now.tv_nsec;
}

inline timespec ToTimespec(int64_t ns) { return {ns / kNsPerSecond, ns % kNsPerSecond}; }

}  // namespace faultlab

#endif  // KVM_FAULTLAB_CLOCK_H_
