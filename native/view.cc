#include "view.h"

#include <string>
#include <utility>

#include "error.h"

namespace faultlab {
namespace {

// Shared by the view, the finalizer and the failure path, any of which may come first or alone: a refused buffer's
// finalizer runs in some versions of Node and not in others.
using HolderPointer = std::shared_ptr<ViewHold>;

void Finalize(napi_env /*env*/, void* /*data*/, void* hint) {
  const std::unique_ptr<HolderPointer> holder(static_cast<HolderPointer*>(hint));
  (*holder)->hold.reset();
}

}  // namespace

Napi::Value View::Get(Napi::Env env, void* data, size_t sizeBytes, std::shared_ptr<void> hold) {
  if (made()) return buffer_.Value();
  const auto holder = std::make_shared<ViewHold>(ViewHold{std::move(hold)});
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): owned by the finalizer
  auto* hint = new HolderPointer(holder);
  napi_value value = nullptr;
  const napi_status status = napi_create_external_arraybuffer(env, data, sizeBytes, &Finalize, hint, &value);
  if (status != napi_ok) {
    holder->hold.reset();
    // The engine's own words ("larger than ... bytes") say less than ours.
    if (env.IsExceptionPending()) {
      napi_value ignored = nullptr;
      napi_get_and_clear_last_exception(env, &ignored);
    }
    return ThrowCoded(env, "VIEW_FAILED",
                      "this JavaScript engine makes no ArrayBuffer over " + std::to_string(sizeBytes) +
                          " bytes of foreign memory (Node 20 stops at 4 GiB): map it in parts");
  }
  buffer_ = Napi::Persistent(Napi::Value(env, value).As<Napi::ArrayBuffer>());
  hold_ = holder;
  return {env, value};
}

void View::Detach(Napi::Env env) {
  if (!made()) return;
  {
    const Napi::HandleScope scope(env);
    const napi_value buffer = buffer_.Value();
    bool moved = true;
    bool detached = false;
    napi_is_detached_arraybuffer(env, buffer, &moved);
    napi_detach_arraybuffer(env, buffer);
    napi_is_detached_arraybuffer(env, buffer, &detached);
    // Nobody sees the memory any more: what it belongs to need not wait for the garbage collector.
    if (!moved && detached) hold_->hold.reset();
  }
  hold_.reset();
  buffer_.Reset();
}

}  // namespace faultlab
