// Event counters.
#ifndef KVM_FAULTLAB_EVENTFD_H_
#define KVM_FAULTLAB_EVENTFD_H_

#include <napi.h>

#include <memory>
#include <utility>

#include "descriptor.h"
#include "handle.h"

namespace faultlab {

class EventFdObject : public SharedObject {
 public:
  explicit EventFdObject(Descriptor fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }

 private:
  const Descriptor fd_;
};

class EventFd : public Handle<EventFd, EventFdObject> {
 public:
  static constexpr ClassId kClassId = ClassId::kEventFd;
  static constexpr napi_type_tag kTypeTag = {0x41d8b7f20e6a4c95, 0x8c3a5be1f7290d64};
  static constexpr const char* kName = "EventFd";
  static constexpr const char* kMadeBy = "new EventFd() or EventFd.adopt()";

  explicit EventFd(const Napi::CallbackInfo& info) : Handle(info) {}
  static std::shared_ptr<EventFdObject> Construct(const Napi::CallbackInfo& info);
  static Napi::Function Define(Napi::Env env);

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Signal(const Napi::CallbackInfo& info);
  Napi::Value Wait(const Napi::CallbackInfo& info);

  friend class Handle<EventFd, EventFdObject>;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_EVENTFD_H_
