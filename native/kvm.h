// /dev/kvm.
#ifndef KVM_FAULTLAB_KVM_H_
#define KVM_FAULTLAB_KVM_H_

#include <napi.h>

#include <memory>
#include <utility>

#include "descriptor.h"
#include "handle.h"

namespace faultlab {

class KvmObject : public SharedObject {
 public:
  explicit KvmObject(Descriptor fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }

 private:
  const Descriptor fd_;
};

class Kvm : public Handle<Kvm, KvmObject> {
 public:
  static constexpr ClassId kClassId = ClassId::kKvm;
  static constexpr napi_type_tag kTypeTag = {0x5d02e4b9c81f7a36, 0xd47b1ac0953e68f2};
  static constexpr const char* kName = "Kvm";
  static constexpr const char* kMadeBy = "new Kvm()";

  explicit Kvm(const Napi::CallbackInfo& info) : Handle(info) {}
  static std::shared_ptr<KvmObject> Construct(const Napi::CallbackInfo& info);
  static Napi::Function Define(Napi::Env env);

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value ApiVersion(const Napi::CallbackInfo& info);
  Napi::Value CheckExtension(const Napi::CallbackInfo& info);
  Napi::Value VcpuMmapSizeBytes(const Napi::CallbackInfo& info);
  Napi::Value SupportedCpuid(const Napi::CallbackInfo& info);
  Napi::Value MsrIndexList(const Napi::CallbackInfo& info);
  Napi::Value CreateVm(const Napi::CallbackInfo& info);
  Napi::Value Ioctl(const Napi::CallbackInfo& info);

  friend class Handle<Kvm, KvmObject>;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_KVM_H_
