// ArrayBuffers over memory that is not V8's.
#ifndef KVM_FAULTLAB_VIEW_H_
#define KVM_FAULTLAB_VIEW_H_

#include <napi.h>

#include <cstddef>
#include <memory>

namespace faultlab {

// What keeps the memory of a view.
struct ViewHold {
  std::shared_ptr<void> hold;
};

// The one ArrayBuffer of a handle. It keeps `hold` until it is detached, or until V8 has freed the buffer where a
// program has moved the memory to another buffer of its own with ArrayBuffer.prototype.transfer().
class View {
 public:
  // The ArrayBuffer made before, or a new one. Throws VIEW_FAILED and returns an empty value where there can be none.
  Napi::Value Get(Napi::Env env, void* data, size_t sizeBytes, std::shared_ptr<void> hold);
  bool made() const { return !buffer_.IsEmpty(); }
  // Makes it empty for JavaScript.
  void Detach(Napi::Env env);

 private:
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  std::shared_ptr<ViewHold> hold_;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_VIEW_H_
