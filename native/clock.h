// CLOCK_MONOTONIC, and the time-stamp counter.
#ifndef KVM_FAULTLAB_CLOCK_H_
#define KVM_FAULTLAB_CLOCK_H_

#include <time.h>
#include <x86intrin.h>

#include <cstdint>

namespace faultlab {

constexpr int64_t kNsPerSecond = 1'000'000'000;

inline int64_t MonotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * kNsPerSecond + now.tv_nsec;
}

// After everything before it in program order, and before everything behind it (SDM vol. 2, RDTSC).
inline uint64_t ReadTsc() {
  _mm_lfence();
  const uint64_t tsc = __rdtsc();
  _mm_lfence();
  return tsc;
}

inline timespec ToTimespec(int64_t ns) { return {ns / kNsPerSecond, ns % kNsPerSecond}; }

}  // namespace faultlab

#endif  // KVM_FAULTLAB_CLOCK_H_
