// Arguments of one call, checked before any system call. Nothing is converted: a number must be a number, a BigInt a
// BigInt.
#ifndef KVM_FAULTLAB_ARGUMENTS_H_
#define KVM_FAULTLAB_ARGUMENTS_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "handle.h"

namespace faultlab {

// The bytes of a Uint8Array. Valid until JavaScript runs again.
struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

// Reads values; the first that does not fit throws BAD_ARGUMENT, and whatever is read after it is zero: check failed()
// once, before the values are used.
class Arguments {
 public:
  static constexpr uint64_t kMaxSafeInteger = (uint64_t{1} << 53) - 1;

  // `call` is what messages begin with: "Vm.createVcpu".
  Arguments(const Napi::CallbackInfo& info, const char* call) : env_(info.Env()), call_(call) {}

  bool failed() const { return failed_; }

  // A whole number of [min, max].
  uint64_t Integer(napi_value value, const char* name, uint64_t max = kMaxSafeInteger, uint64_t min = 0);
  uint32_t Uint32(napi_value value, const char* name) {
    return static_cast<uint32_t>(Integer(value, name, UINT32_MAX));
  }
  // A whole number that may be negative, as C's int.
  int Int32(napi_value value, const char* name);
  // A BigInt of 64 unsigned bits.
  uint64_t BigUint64(napi_value value, const char* name);
  bool Boolean(napi_value value, const char* name);
  // Text without NUL.
  std::string String(napi_value value, const char* name);
  // A Uint8Array of at least `minBytes`.
  Bytes Buffer(napi_value value, const char* name, size_t minBytes = 0);
  // A multiple of the page size up to `max`.
  uint64_t PageAligned(napi_value value, const char* name, uint64_t max = kMaxSafeInteger);
  // A time-out of a wait: 0 to 10 s, so that every wait ends. Fractions of a nanosecond are dropped.
  int64_t TimeoutNs(napi_value value, const char* name);
  // Up to four BigInts; an absent value is none.
  std::vector<uint64_t> CapabilityArguments(napi_value value, const char* name);

  // Elements of an array / a property of an object. Either may run JavaScript: read them all before any buffer or
  // handle.
  std::vector<Napi::Value> Elements(napi_value value, const char* name, size_t maxCount);
  Napi::Value Property(napi_value object, const char* name);

  // The open object behind a handle of class T.
  template <class T>
  std::shared_ptr<typename T::Object> Object(napi_value value, const char* name) {
    if (failed_) return nullptr;
    const T* handle = T::From(env_, value);
    if (handle == nullptr) {
      Reject(name, std::string("must be a ") + T::kName);
      return nullptr;
    }
    if (!handle->object()) {
      failed_ = true;
      ThrowCoded(env_, "HANDLE_CLOSED", std::string(call_) + ": " + name + " is a closed " + T::kName);
      return nullptr;
    }
    return handle->object();
  }

  // Throws BAD_ARGUMENT: "Vm.createVcpu: id must be ...". For conditions over several arguments.
  void Reject(const char* name, const std::string& must);

 private:
  napi_valuetype TypeOf(napi_value value) const;

  Napi::Env env_;
  const char* call_;
  bool failed_ = false;
};

// True for values left out by the caller.
bool IsAbsent(napi_env env, napi_value value);

// offset + length <= size, without overflow.
constexpr bool FitsIn(uint64_t size, uint64_t offset, uint64_t length) {
  return offset <= size && length <= size - offset;
}

constexpr uint64_t kPageSize = 4096;

}  // namespace faultlab

#endif  // KVM_FAULTLAB_ARGUMENTS_H_
