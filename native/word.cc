#include "word.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdint>

#include "arguments.h"
#include "clock.h"

namespace faultlab {
namespace {

// The word that an Int32Array and an index name; null with an exception pending.
int32_t* WordOf(Arguments& args, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, info[0], &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array || data == nullptr) {
    args.Reject("words", "must be an Int32Array");
    return nullptr;
  }
  const uint64_t index = args.Integer(info[1], "index");
  if (!args.failed() && index >= length) args.Reject("index", "must be within words");
  return args.failed() ? nullptr : static_cast<int32_t*>(data) + index;
}

Napi::Value WaitOnWord(const Napi::CallbackInfo& info) {
  Arguments args(info, "waitOnWord");
  int32_t* const word = WordOf(args, info);
  if (word == nullptr) return {};
  const int seen = args.Int32(info[2], "seen");
  const int64_t timeoutNs = args.TimeoutNs(info[3], "timeoutNs");
  if (args.failed()) return {};
  const timespec timeout = ToTimespec(timeoutNs);
  const int64_t start = MonotonicNs();
  // Whatever ends it, the caller looks at the word again.
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &timeout, nullptr, 0);
  return Napi::Number::New(info.Env(), static_cast<double>(MonotonicNs() - start));
}

Napi::Value WakeWord(const Napi::CallbackInfo& info) {
  Arguments args(info, "wakeWord");
  int32_t* const word = WordOf(args, info);
  if (word == nullptr) return {};
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  return info.Env().Undefined();
}

}  // namespace

void DefineWordFunctions(Napi::Env env, Napi::Object exports) {
  exports.Set("waitOnWord", Napi::Function::New<WaitOnWord>(env, "waitOnWord"));
  exports.Set("wakeWord", Napi::Function::New<WakeWord>(env, "wakeWord"));
}

}  // namespace faultlab
