// Copies between memory that may fault and memory that does not.
#ifndef KVM_FAULTLAB_GUARDED_COPY_H_
#define KVM_FAULTLAB_GUARDED_COPY_H_

#include <cstddef>
#include <cstdint>

namespace faultlab {

// What stopped a copy. `signal` 0: nothing did.
struct CopyFault {
  int64_t signal = 0;    // SIGBUS or SIGSEGV
  uint64_t address = 0;  // the byte (or its page) that could not be touched
};

// memcpy for memory of which any page may be missing, protected or past the end of its file: ends at the first byte
// that faults. Callable from any thread.
CopyFault GuardedCopy(void* to, const void* from, size_t sizeBytes);

// Makes the process ready for guarded copies: installs the handlers of SIGBUS and SIGSEGV, or puts them on top again
// where other code has replaced them since. False where that has happened too often to go on.
bool ArmCopyGuard();

}  // namespace faultlab

#endif  // KVM_FAULTLAB_GUARDED_COPY_H_
