#include "thread.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "arguments.h"
#include "clock.h"
#include "error.h"
#include "retry.h"

namespace faultlab {
namespace {

// As many CPUs as a Linux kernel can be built for.
constexpr size_t kMaxCpus = 8192;

class CpuMask {
 public:
  cpu_set_t* get() { return reinterpret_cast<cpu_set_t*>(words_.data()); }
  size_t sizeBytes() const { return words_.size() * sizeof(words_[0]); }

 private:
  std::vector<unsigned long> words_ = std::vector<unsigned long>(kMaxCpus / (8 * sizeof(unsigned long)));
};

Napi::Value MonotonicNsOf(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(MonotonicNs()));
}

// For records in shared memory: no number object is made.
Napi::Value NoteMonotonicNs(const Napi::CallbackInfo& info) {
  Arguments args(info, "noteMonotonicNs");
  const uint64_t index = args.Integer(info[1], "index");
  bool isTypedArray = false;
  napi_is_typedarray(info.Env(), info[0], &isTypedArray);
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (isTypedArray) napi_get_typedarray_info(info.Env(), info[0], &type, &length, &data, nullptr, nullptr);
  if (type != napi_float64_array)
    args.Reject("into", "must be a Float64Array");
  else if (index >= length)
    args.Reject("index", "must be an index of the array");
  if (args.failed()) return {};
  static_cast<double*>(data)[index] = static_cast<double>(MonotonicNs());
  return info.Env().Undefined();
}
Napi::Value TscOf(const Napi::CallbackInfo& info) { return Napi::BigInt::New(info.Env(), ReadTsc()); }

Napi::Value ThreadIdOf(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), CurrentThreadId()); }

Napi::Value SetTimerSlackNs(const Napi::CallbackInfo& info) {
  Arguments args(info, "setTimerSlackNs");
  const uint64_t slackNs = args.Integer(info[0], "slackNs");
  if (args.failed()) return {};
  const CallResult result = Call([&] { return prctl(PR_SET_TIMERSLACK, slackNs, 0, 0, 0); });
  if (!result.ok())
    return ThrowFailure(info.Env(), {family::kThread, "PR_SET_TIMERSLACK", result.error},
                        std::to_string(slackNs) + " ns");
  return info.Env().Undefined();
}

Napi::Value SetAffinity(const Napi::CallbackInfo& info) {
  Arguments args(info, "setAffinity");
  const std::vector<Napi::Value> elements = args.Elements(info[0], "cpus", kMaxCpus);
  if (!args.failed() && elements.empty()) args.Reject("cpus", "must name a CPU");
  CpuMask mask;
  std::string names;
  for (const Napi::Value& element : elements) {
    const uint64_t cpu = args.Integer(element, "cpus", kMaxCpus - 1);
    CPU_SET_S(cpu, mask.sizeBytes(), mask.get());
    names += (names.empty() ? "" : ", ") + std::to_string(cpu);
  }
  if (args.failed()) return {};
  const CallResult result = Call([&] { return sched_setaffinity(0, mask.sizeBytes(), mask.get()); });
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kThread, "sched_setaffinity", result.error},
                        "CPUs " + names + "; EINVAL means that none of them is there and allowed");
  }
  return info.Env().Undefined();
}

Napi::Value GetAffinity(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  CpuMask mask;
  const CallResult result = Call([&] { return sched_getaffinity(0, mask.sizeBytes(), mask.get()); });
  if (!result.ok())
    return ThrowFailure(env, {family::kThread, "sched_getaffinity", result.error}, "the CPUs of this thread");
  const Napi::Array cpus = Napi::Array::New(env);
  uint32_t count = 0;
  for (size_t cpu = 0; cpu < kMaxCpus; cpu++) {
    if (CPU_ISSET_S(cpu, mask.sizeBytes(), mask.get()))
      cpus.Set(count++, Napi::Number::New(env, static_cast<double>(cpu)));
  }
  return cpus;
}

}  // namespace

pid_t CurrentThreadId() {
  // A thread keeps its number, and Node never forks without an exec.
  static thread_local const auto id = static_cast<pid_t>(syscall(SYS_gettid));
  return id;
}

void DefineThreadFunctions(Napi::Env env, Napi::Object exports) {
  exports.Set("monotonicNs", Napi::Function::New<MonotonicNsOf>(env, "monotonicNs"));
  exports.Set("noteMonotonicNs", Napi::Function::New<NoteMonotonicNs>(env, "noteMonotonicNs"));
  exports.Set("tsc", Napi::Function::New<TscOf>(env, "tsc"));
  exports.Set("threadId", Napi::Function::New<ThreadIdOf>(env, "threadId"));
  exports.Set("setTimerSlackNs", Napi::Function::New<SetTimerSlackNs>(env, "setTimerSlackNs"));
  exports.Set("setAffinity", Napi::Function::New<SetAffinity>(env, "setAffinity"));
  exports.Set("getAffinity", Napi::Function::New<GetAffinity>(env, "getAffinity"));
}

}  // namespace faultlab
