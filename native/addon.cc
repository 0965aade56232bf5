// What the addon exports. Called once for each JavaScript environment: the main thread and every Worker.
#include <napi.h>

#include "classes.h"
#include "eventfd.h"
#include "file.h"
#include "kvm.h"
#include "layouts.h"
#include "mapping.h"
#include "poll.h"
#include "stamps.h"
#include "thread.h"
#include "userfaultfd.h"
#include "vcpu.h"
#include "vm.h"
#include "word.h"

namespace faultlab {
namespace {

template <class T>
void Count(Napi::Env env, Napi::Object counts) {
  counts.Set(T::kName, Napi::Number::New(env, static_cast<double>(Registry<typename T::Object>::Instance().handles())));
}

Napi::Value LiveHandles(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object counts = Napi::Object::New(env);
  Count<Kvm>(env, counts);
  Count<Vm>(env, counts);
  Count<Vcpu>(env, counts);
  Count<File>(env, counts);
  Count<Mapping>(env, counts);
  Count<EventFd>(env, counts);
  Count<Userfaultfd>(env, counts);
  return counts;
}

// Wakes every thread of the process that waits in the addon, and those to come.
Napi::Value ReleaseAll(const Napi::CallbackInfo& info) {
  for (const auto& object : Registry<UserfaultfdObject>::Instance().All()) object->UnregisterAll();
  EndAllWaits();
  return info.Env().Undefined();
}

template <class T>
void Export(Napi::Env env, Napi::Object exports) {
  exports.Set(T::kName, T::Define(env));
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): owned by the environment
  env.SetInstanceData(new ClassTable);
  PrepareWaits();
  Export<Kvm>(env, exports);
  Export<Vm>(env, exports);
  Export<Vcpu>(env, exports);
  Export<File>(env, exports);
  Export<Mapping>(env, exports);
  Export<EventFd>(env, exports);
  Export<Userfaultfd>(env, exports);
  DefineThreadFunctions(env, exports);
  DefineStampFunctions(env, exports);
  DefineWordFunctions(env, exports);
  exports.Set("releaseAll", Napi::Function::New<ReleaseAll>(env, "releaseAll"));
  exports.Set("liveHandles", Napi::Function::New<LiveHandles>(env, "liveHandles"));
  DefineLayouts(env, exports);
  return exports;
}

}  // namespace
}  // namespace faultlab

static Napi::Object InitializeAddon(Napi::Env env, Napi::Object exports) { return faultlab::Initialize(env, exports); }

NODE_API_MODULE(NODE_GYP_MODULE_NAME, InitializeAddon)
