// Base of every JavaScript handle on a shared kernel object.
//
// A class T has: `using Object` (a SharedObject), kClassId, kTypeTag, kName, kMadeBy (who makes one), and
// `static std::shared_ptr<Object> Construct(const Napi::CallbackInfo&)`, which throws and returns null where it fails.
#ifndef KVM_FAULTLAB_HANDLE_H_
#define KVM_FAULTLAB_HANDLE_H_

#include <napi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "classes.h"
#include "error.h"
#include "registry.h"

namespace faultlab {

template <class T, class K>
class Handle : public Napi::ObjectWrap<T> {
 public:
  using Object = K;

  explicit Handle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<T>(info) {
    std::shared_ptr<K> object = std::static_pointer_cast<K>(std::move(ClassTable::Of(info.Env())[T::kClassId].pending));
    if (!object) object = T::Construct(info);
    if (!object) return;  // an exception is pending
    const napi_value self = info.This();
    if (napi_type_tag_object(info.Env(), self, &T::kTypeTag) != napi_ok) {
      ThrowCoded(info.Env(), "BAD_ARGUMENT",
                 std::string("this object is a handle already; make a ") + T::kName + " with " + T::kMadeBy);
      return;
    }
    Registry<K>::Instance().Attach(object);
    object_ = std::move(object);
  }

  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle(Handle&&) = delete;
  Handle& operator=(Handle&&) = delete;

  // At collection, or when the environment ends.
  ~Handle() override { Release(); }

  // A JavaScript object for `object`.
  static Napi::Value Wrap(Napi::Env env, std::shared_ptr<K> object) {
    ClassSlot& slot = ClassTable::Of(env)[T::kClassId];
    slot.pending = std::move(object);
    const Napi::Value made = slot.constructor.New({});
    slot.pending.reset();  // where the constructor never ran
    return made;
  }

  // The handle behind a value; null where it is not one of this class.
  static T* From(Napi::Env env, napi_value value) {
    napi_valuetype type = napi_undefined;
    if (napi_typeof(env, value, &type) != napi_ok || type != napi_object) return nullptr;
    bool tagged = false;
    if (napi_check_object_type_tag(env, value, &T::kTypeTag, &tagged) != napi_ok || !tagged) return nullptr;
    return FromWrapped(env, value);
  }

  // Null when closed.
  const std::shared_ptr<K>& object() const { return object_; }

 protected:
  // What a class does besides when its handle is closed by close(). False where it refuses, an exception pending.
  bool BeforeClose(const Napi::CallbackInfo& /*info*/) { return true; }

  static Napi::Value ThrowClosed(Napi::Env env, const char* what) {
    return ThrowCoded(env, "HANDLE_CLOSED", std::string("this ") + what + " is closed");
  }

  // For classes without a public constructor.
  static std::shared_ptr<K> ThrowNotConstructible(const Napi::CallbackInfo& info) {
    ThrowCoded(info.Env(), "BAD_ARGUMENT", std::string(T::kName) + " has no public constructor: use " + T::kMadeBy);
    return nullptr;
  }

  // --- Descriptors for DefineClass. Every entry checks that the handle is open before the class sees the call.

  template <auto kMethod>
  static napi_property_descriptor Method(const char* name) {
    return {name, nullptr, &InvokeMethod<kMethod>, nullptr, nullptr, nullptr, napi_default_method, nullptr};
  }

  template <auto kGetter>
  static napi_property_descriptor Getter(const char* name) {
    return {name, nullptr, nullptr, &InvokeGetter<kGetter>, nullptr, nullptr, napi_configurable, nullptr};
  }

  template <auto kFunction>
  static napi_property_descriptor Static(const char* name) {
    const auto attributes = static_cast<napi_property_attributes>(napi_default_method | napi_static);
    return {name, nullptr, &InvokeStatic<kFunction>, nullptr, nullptr, nullptr, attributes, nullptr};
  }

  // close, closed, share, and adopt where the class has it.
  static std::vector<napi_property_descriptor> CommonProperties() {
    return {
        {"close", nullptr, &InvokeClose, nullptr, nullptr, nullptr, napi_default_method, nullptr},
        {"closed", nullptr, nullptr, &InvokeClosed, nullptr, nullptr, napi_configurable, nullptr},
        Method<&Handle::Share>("share"),
    };
  }

  static Napi::Value Adopt(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() < 1 || !info[0].IsNumber()) {
      return ThrowCoded(env, "BAD_ARGUMENT",
                        std::string(T::kName) + ".adopt(share): share must be a number from share()");
    }
    const double share = info[0].As<Napi::Number>().DoubleValue();
    // Not a whole number, negative or NaN: never issued either, and must not be cast.
    std::shared_ptr<K> found;
    if (share >= 1 && share <= kMaxSafeInteger) {
      const auto id = static_cast<uint64_t>(share);
      if (static_cast<double>(id) == share) found = Registry<K>::Instance().Find(id);
    }
    if (!found) {
      return ThrowCoded(env, "BAD_SHARE",
                        std::string(T::kName) + ".adopt: no open " + T::kName +
                            " has this number (never issued, or its last handle is closed)");
    }
    return Wrap(env, std::move(found));
  }

  static Napi::Function Define(Napi::Env env, const std::vector<napi_property_descriptor>& own) {
    std::vector<napi_property_descriptor> all = CommonProperties();
    all.insert(all.end(), own.begin(), own.end());
    const std::vector<Napi::ClassPropertyDescriptor<T>> properties(all.begin(), all.end());
    const Napi::Function constructor = Napi::ObjectWrap<T>::DefineClass(env, T::kName, properties);
    ClassTable::Of(env)[T::kClassId].constructor = Napi::Persistent(constructor);
    return constructor;
  }

 private:
  static constexpr double kMaxSafeInteger = 9007199254740991.0;

  static T* FromWrapped(napi_env env, napi_value value) {
    void* wrapped = nullptr;
    return napi_unwrap(env, value, &wrapped) == napi_ok ? static_cast<T*>(wrapped) : nullptr;
  }

  void Release() {
    if (!object_) return;
    Registry<K>::Instance().Detach(*object_);
    object_.reset();
  }

  Napi::Value Share(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(object_->id()));
  }

  static napi_value ThrowNotThis(napi_env env) {
    return ThrowCoded(env, "BAD_ARGUMENT", std::string("`this` is not a ") + T::kName);
  }

  // A method's receiver needs no tag: napi_define_class gives methods a signature, and the engine refuses any other
  // object.
  template <auto kMethod>
  static napi_value InvokeMethod(napi_env env, napi_callback_info raw) {
    const Napi::CallbackInfo info(env, raw);
    T* self = FromWrapped(env, info.This());
    if (self == nullptr) return ThrowNotThis(env);
    if (!self->object_) return ThrowClosed(env, T::kName);
    return (self->*kMethod)(info);
  }

  // Getters get no signature: one taken from the prototype can be called on anything.
  template <auto kGetter>
  static napi_value InvokeGetter(napi_env env, napi_callback_info raw) {
    const Napi::CallbackInfo info(env, raw);
    T* self = From(env, info.This());
    if (self == nullptr) return ThrowNotThis(env);
    if (!self->object_) return ThrowClosed(env, T::kName);
    return (self->*kGetter)(info);
  }

  template <auto kFunction>
  static napi_value InvokeStatic(napi_env env, napi_callback_info raw) {
    return kFunction(Napi::CallbackInfo(env, raw));
  }

  static napi_value InvokeClose(napi_env env, napi_callback_info raw) {
    const Napi::CallbackInfo info(env, raw);
    T* self = FromWrapped(env, info.This());
    if (self == nullptr) return ThrowNotThis(env);
    if (self->object_ && self->BeforeClose(info)) self->Release();
    return info.Env().Undefined();
  }

  static napi_value InvokeClosed(napi_env env, napi_callback_info raw) {
    const Napi::CallbackInfo info(env, raw);
    const T* self = From(env, info.This());
    if (self == nullptr) return ThrowNotThis(env);
    return Napi::Boolean::New(env, !self->object_);
  }

  std::shared_ptr<K> object_;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_HANDLE_H_
