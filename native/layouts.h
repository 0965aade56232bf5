// What the addon believes of the kernel's structures and requests, for tests to compare with other sources.
#ifndef KVM_FAULTLAB_LAYOUTS_H_
#define KVM_FAULTLAB_LAYOUTS_H_

#include <napi.h>

namespace faultlab {

// `layouts`: sizeof and offsetof of every structure; `ioctls`: every request number, both by the kernel's names.
void DefineLayouts(Napi::Env env, Napi::Object exports);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_LAYOUTS_H_
