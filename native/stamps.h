// Time stamps that a thread leaves in memory, for accounts of where time goes: taken in native code, right before and
// after the calls that matter. A thread that keeps none pays for one comparison.
#ifndef KVM_FAULTLAB_STAMPS_H_
#define KVM_FAULTLAB_STAMPS_H_

#include <napi.h>

#include <cstdint>

namespace faultlab {

// What happened. lib/native/stamps.ts has the same numbers; from 64 on they are JavaScript's own.
enum class StampKind : uint32_t {
  kRunEnter = 1,     // KVM_RUN is about to be called
  kRunLeave = 2,     // it came back: errno << 16 | exit reason
  kFillBegin = 3,    // pread into a mapping: page of the mapping
  kFillEnd = 4,      // the same
  kMapBegin = 5,     // UFFDIO_CONTINUE: page of the mapping
  kMapEnd = 6,       // the same
  kMessages = 7,     // userfaultfd messages were read: how many
  kSignalBegin = 8,  // KVM_SIGNAL_MSI: vector
  kSignalEnd = 9,    // the same
};

// Notes the time, where this thread keeps stamps.
void Stamp(StampKind kind, uint32_t argument);

// recordStamps, stamp, timerFloor.
void DefineStampFunctions(Napi::Env env, Napi::Object exports);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_STAMPS_H_
