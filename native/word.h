// Waiting on a word of memory that Workers share: a futex. What Atomics.wait and Atomics.notify do, without the lock
// that the engine holds around both: the woken thread runs at once.
#ifndef KVM_FAULTLAB_WORD_H_
#define KVM_FAULTLAB_WORD_H_

#include <napi.h>

namespace faultlab {

// waitOnWord, wakeWord.
void DefineWordFunctions(Napi::Env env, Napi::Object exports);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_WORD_H_
