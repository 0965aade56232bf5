// Copies between memory that may fault and memory that does not.
#ifndef KVM_FAULTLAB_GUARDED_COPY_H_
#define KVM_FAULTLAB_GUARDED_COPY_H_

#include <signal.h>

#include <cstddef>
#include <cstdint>

namespace faultlab {

// What stopped a copy.
struct CopyFault {
  // In place of a signal: the deadline has passed.
  static constexpr int64_t kLate = -1;

  int64_t signal = 0;      // SIGBUS, SIGSEGV or kLate; 0 when nothing did
  uint64_t address = 0;    // the byte (or its page) that could not be touched
  int64_t code = 0;        // the signal's si_code: BUS_ADRERR, BUS_MCEERR_AR, ...
  int64_t deadlineNs = 0;  // on CLOCK_MONOTONIC; 0 for none
};

// memcpy for memory of which any page may be missing, protected, poisoned or past the end of its file: ends at the
// first byte that faults. Callable from any thread, once the handlers of fault_signals.h are in place. A page of a
// userfaultfd may be waited for as long as nobody fills it, unless `limitNs` is given.
CopyFault GuardedCopy(void* to, const void* from, size_t sizeBytes, int64_t limitNs = 0);

// For the handler of the signal that ends a wait: a copy it interrupted does not go on past its deadline. `context` is
// the handler's.
void AbandonLateCopy(void* context);

// For the handler of SIGBUS and SIGSEGV: true when a copy faulted; it returns instead of repeating the access.
// `context` is the handler's.
bool DivertFaultingCopy(int signal, const siginfo_t& info, void* context);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_GUARDED_COPY_H_
