// userfaultfd.
#ifndef KVM_FAULTLAB_USERFAULTFD_H_
#define KVM_FAULTLAB_USERFAULTFD_H_

#include <napi.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "descriptor.h"
#include "handle.h"
#include "memory.h"
#include "range_set.h"

namespace faultlab {

class UserfaultfdObject : public SharedObject {
 public:
  UserfaultfdObject(Descriptor fd, uint64_t features) : features_(features), fd_(std::move(fd)) {}

  ~UserfaultfdObject();
  UserfaultfdObject(const UserfaultfdObject&) = delete;
  UserfaultfdObject& operator=(const UserfaultfdObject&) = delete;
  UserfaultfdObject(UserfaultfdObject&&) = delete;
  UserfaultfdObject& operator=(UserfaultfdObject&&) = delete;

  int fd() const { return fd_.get(); }
  uint64_t features() const { return features_; }

  // Registered memory stays mapped: an address that were mapped anew would take this descriptor's faults for its own.
  void Hold(const std::shared_ptr<MappedMemory>& memory, uint64_t start, uint64_t end);
  void Release(const std::shared_ptr<MappedMemory>& memory, uint64_t start, uint64_t end);
  // Unregisters everything, which wakes all who wait.
  void UnregisterAll();

 private:
  struct Held {
    std::shared_ptr<MappedMemory> memory;
    RangeSet ranges;
  };

  const uint64_t features_;
  std::mutex mutex_;
  std::map<uint64_t, Held> held_;  // by the mapping's number
  Descriptor fd_;
};

class Userfaultfd : public Handle<Userfaultfd, UserfaultfdObject> {
 public:
  static constexpr ClassId kClassId = ClassId::kUserfaultfd;
  static constexpr napi_type_tag kTypeTag = {0x93ac5e1708b2f6d4, 0x1f84c7d9360ea52b};
  static constexpr const char* kName = "Userfaultfd";
  static constexpr const char* kMadeBy = "new Userfaultfd() or Userfaultfd.adopt()";

  explicit Userfaultfd(const Napi::CallbackInfo& info) : Handle(info) {}
  static std::shared_ptr<UserfaultfdObject> Construct(const Napi::CallbackInfo& info);
  static Napi::Function Define(Napi::Env env);

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Features(const Napi::CallbackInfo& info);
  Napi::Value Register(const Napi::CallbackInfo& info);
  Napi::Value Unregister(const Napi::CallbackInfo& info);
  Napi::Value Copy(const Napi::CallbackInfo& info);
  Napi::Value Continue(const Napi::CallbackInfo& info);
  Napi::Value Zeropage(const Napi::CallbackInfo& info);
  Napi::Value Poison(const Napi::CallbackInfo& info);
  Napi::Value WriteProtect(const Napi::CallbackInfo& info);
  Napi::Value Wake(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);

  friend class Handle<Userfaultfd, UserfaultfdObject>;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_USERFAULTFD_H_
