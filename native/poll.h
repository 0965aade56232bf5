// Waiting for descriptors, with an end.
#ifndef KVM_FAULTLAB_POLL_H_
#define KVM_FAULTLAB_POLL_H_

#include <cstdint>

namespace faultlab {

struct Polled {
  bool first = false;
  bool second = false;
  int error = 0;  // an errno, when the wait itself failed
};

// Waits until one of two descriptors (-1 for none) can be read, at most `timeoutNs`, signals notwithstanding. Neither
// can be on time-out, or once all waits have been ended.
Polled PollFor(int first, int second, int64_t timeoutNs);

// Makes the descriptor that ends waits. At load, so that a wait does not look like a leak to who counts descriptors.
void PrepareWaits();

// Ends every wait of every thread, those to come as well: for the end of the process.
void EndAllWaits();

}  // namespace faultlab

#endif  // KVM_FAULTLAB_POLL_H_
