// Poisoned memory that a system call of ours met, as the kernel tells of it: SIGBUS with BUS_MCEERR_AR or
// BUS_MCEERR_AO, for this thread alone.
#ifndef KVM_FAULTLAB_MEMORY_FAILURE_H_
#define KVM_FAULTLAB_MEMORY_FAILURE_H_

#include <signal.h>

#include <cstddef>
#include <cstdint>

#include "retry.h"

namespace faultlab {

struct MemoryFailure {
  int64_t code = 0;        // BUS_MCEERR_AR (the memory was needed) or BUS_MCEERR_AO (it was not, yet); 0 for none
  uint64_t address = 0;    // hva of the poisoned page
  int64_t addressLsb = 0;  // as many low bits of it mean nothing: the poisoned range is 1 << addressLsb bytes
};

// A system call of up to three arguments. A SIGBUS for poisoned memory that arrives while it is under way, or has come
// with its return, fills `failure`; anything else leaves it as it is. The kernel may have interrupted the call (EINTR).
CallResult CallNotingMemoryFailure(MemoryFailure* failure, int64_t number, int64_t first, int64_t second,
                                   int64_t third);

// Makes the process and this thread ready for it: the handler is in place and the signal not blocked. A blocked SIGBUS
// would stay pending while KVM repeats the access for ever. False where the handler was replaced too often.
bool PrepareForMemoryFailure();

// For the handler of SIGBUS and SIGSEGV: true when this signal belonged to such a call and has been noted.
bool RecordMemoryFailure(int signal, const siginfo_t& info, const void* context);

// True for a signal by which the kernel tells of poisoned memory.
inline bool IsMemoryFailure(int signal, const siginfo_t& info) {
  return signal == SIGBUS && (info.si_code == BUS_MCEERR_AR || info.si_code == BUS_MCEERR_AO);
}

}  // namespace faultlab

#endif  // KVM_FAULTLAB_MEMORY_FAILURE_H_
