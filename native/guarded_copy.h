// Copies between memory that may fault and memory that does not.
#ifndef KVM_FAULTLAB_GUARDED_COPY_H_
#define KVM_FAULTLAB_GUARDED_COPY_H_

#include <cstddef>
#include <cstdint>

namespace faultlab {

// What stopped a copy.
struct CopyFault {
  // In place of a signal: the deadline has passed.
  static constexpr int64_t kLate = -1;

  int64_t signal = 0;      // SIGBUS, SIGSEGV or kLate; 0 when nothing did
  uint64_t address = 0;    // the byte (or its page) that could not be touched
  int64_t deadlineNs = 0;  // on CLOCK_MONOTONIC; 0 for none
};

// memcpy for memory of which any page may be missing, protected or past the end of its file: ends at the first byte
// that faults. Callable from any thread. A page of a userfaultfd may be waited for as long as nobody fills it, unless
// `limitNs` is given.
CopyFault GuardedCopy(void* to, const void* from, size_t sizeBytes, int64_t limitNs = 0);

// For the handler of the signal that ends a wait: a copy it interrupted does not go on past its deadline. `context` is
// the handler's.
void AbandonLateCopy(void* context);

// Makes the process ready for guarded copies: installs the handlers of SIGBUS and SIGSEGV, or puts them on top again
// where other code has replaced them since. False where that has happened too often to go on.
bool ArmCopyGuard();

}  // namespace faultlab

#endif  // KVM_FAULTLAB_GUARDED_COPY_H_
