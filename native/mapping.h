// Mappings, as JavaScript handles them.
#ifndef KVM_FAULTLAB_MAPPING_H_
#define KVM_FAULTLAB_MAPPING_H_

#include <napi.h>

#include <memory>

#include "handle.h"
#include "memory.h"
#include "view.h"

namespace faultlab {

class Mapping : public Handle<Mapping, MappedMemory> {
 public:
  static constexpr ClassId kClassId = ClassId::kMapping;
  static constexpr napi_type_tag kTypeTag = {0x7be2095d1c364f8a, 0xb50d6e92a7c1f348};
  static constexpr const char* kName = "Mapping";
  static constexpr const char* kMadeBy = "Mapping.anonymous(), Mapping.ofFile(), Mapping.adopt() or Vcpu.mapPage()";

  explicit Mapping(const Napi::CallbackInfo& info) : Handle(info) {}
  static std::shared_ptr<MappedMemory> Construct(const Napi::CallbackInfo& info) { return ThrowNotConstructible(info); }
  static Napi::Function Define(Napi::Env env);
  bool BeforeClose(const Napi::CallbackInfo& info);

 private:
  static Napi::Value Anonymous(const Napi::CallbackInfo& info);
  static Napi::Value Apart(const Napi::CallbackInfo& info);
  static Napi::Value OfFile(const Napi::CallbackInfo& info);
  Napi::Value Hva(const Napi::CallbackInfo& info);
  Napi::Value SizeBytes(const Napi::CallbackInfo& info);
  Napi::Value ViewAll(const Napi::CallbackInfo& info);
  Napi::Value Protect(const Napi::CallbackInfo& info);
  Napi::Value Vacate(const Napi::CallbackInfo& info);
  Napi::Value Advise(const Napi::CallbackInfo& info);
  Napi::Value MapFixed(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value PreadFrom(const Napi::CallbackInfo& info);

  View view_;

  friend class Handle<Mapping, MappedMemory>;
};

// A page-aligned range of a mapping, from two arguments: offset, lengthBytes.
struct MappedRange {
  uint64_t offset = 0;
  uint64_t lengthBytes = 0;
};
class Arguments;
MappedRange PageRange(Arguments& args, const MappedMemory* memory, napi_value offset, napi_value lengthBytes);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_MAPPING_H_
