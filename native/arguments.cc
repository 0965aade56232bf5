#include "arguments.h"

#include <cmath>

namespace faultlab {
namespace {

constexpr double kMaxTimeoutNs = 10e9;
constexpr size_t kMaxStringBytes = 4096;
constexpr size_t kMaxCapabilityArguments = 4;

}  // namespace

bool IsAbsent(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  return value == nullptr || napi_typeof(env, value, &type) != napi_ok || type == napi_undefined;
}

napi_valuetype Arguments::TypeOf(napi_value value) const {
  napi_valuetype type = napi_undefined;
  if (value != nullptr) napi_typeof(env_, value, &type);
  return type;
}

void Arguments::Reject(const char* name, const std::string& must) {
  if (failed_) return;
  failed_ = true;
  if (env_.IsExceptionPending()) return;
  ThrowCoded(env_, "BAD_ARGUMENT", std::string(call_) + ": " + name + " " + must);
}

uint64_t Arguments::Integer(napi_value value, const char* name, uint64_t max, uint64_t min) {
  if (failed_) return 0;
  double number = NAN;
  if (TypeOf(value) == napi_number) napi_get_value_double(env_, value, &number);
  if (!(number >= static_cast<double>(min) && number <= static_cast<double>(max)) || std::trunc(number) != number) {
    Reject(name, "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return 0;
  }
  return static_cast<uint64_t>(number);
}

int Arguments::Int32(napi_value value, const char* name) {
  if (failed_) return 0;
  double number = NAN;
  if (TypeOf(value) == napi_number) napi_get_value_double(env_, value, &number);
  if (!(number >= INT32_MIN && number <= INT32_MAX) || std::trunc(number) != number) {
    Reject(name, "must be a whole number of 32 bits");
    return 0;
  }
  return static_cast<int>(number);
}

uint64_t Arguments::BigUint64(napi_value value, const char* name) {
  if (failed_) return 0;
  uint64_t number = 0;
  bool lossless = false;
  if (TypeOf(value) == napi_bigint) napi_get_value_bigint_uint64(env_, value, &number, &lossless);
  if (!lossless) {
    Reject(name, "must be a BigInt from 0n to 2n ** 64n - 1n");
    return 0;
  }
  return number;
}

bool Arguments::Boolean(napi_value value, const char* name) {
  if (failed_) return false;
  bool flag = false;
  if (TypeOf(value) != napi_boolean || napi_get_value_bool(env_, value, &flag) != napi_ok)
    Reject(name, "must be true or false");
  return flag;
}

std::string Arguments::String(napi_value value, const char* name) {
  if (failed_) return {};
  size_t length = 0;
  if (TypeOf(value) != napi_string || napi_get_value_string_utf8(env_, value, nullptr, 0, &length) != napi_ok ||
      length > kMaxStringBytes) {
    Reject(name, "must be a string of at most " + std::to_string(kMaxStringBytes) + " bytes");
    return {};
  }
  std::string text(length, '\0');
  napi_get_value_string_utf8(env_, value, text.data(), length + 1, &length);
  if (text.find('\0') != std::string::npos) {
    Reject(name, "must not contain a NUL character");
    return {};
  }
  return text;
}

Bytes Arguments::Buffer(napi_value value, const char* name, size_t minBytes) {
  if (failed_) return {};
  bool isTypedArray = false;
  if (value != nullptr) napi_is_typedarray(env_, value, &isTypedArray);
  napi_typedarray_type type = napi_int8_array;
  size_t size = 0;
  void* data = nullptr;
  if (isTypedArray) napi_get_typedarray_info(env_, value, &type, &size, &data, nullptr, nullptr);
  if (!isTypedArray || type != napi_uint8_array || size < minBytes) {
    Reject(name, minBytes == 0 ? std::string("must be a Uint8Array")
                               : "must be a Uint8Array of at least " + std::to_string(minBytes) + " bytes");
    return {};
  }
  return {static_cast<uint8_t*>(data), size};
}

uint64_t Arguments::PageAligned(napi_value value, const char* name, uint64_t max) {
  const uint64_t number = Integer(value, name, max);
  if (number % kPageSize != 0) Reject(name, "must be a multiple of " + std::to_string(kPageSize));
  return number;
}

int64_t Arguments::TimeoutNs(napi_value value, const char* name) {
  if (failed_) return 0;
  double number = NAN;
  if (TypeOf(value) == napi_number) napi_get_value_double(env_, value, &number);
  if (!(number >= 0 && number <= kMaxTimeoutNs)) {
    Reject(name, "must be a number of nanoseconds from 0 to 10e9: every wait has an end");
    return 0;
  }
  return static_cast<int64_t>(number);
}

std::vector<Napi::Value> Arguments::Elements(napi_value value, const char* name, size_t maxCount) {
  std::vector<Napi::Value> elements;
  if (failed_) return elements;
  bool isArray = false;
  uint32_t length = 0;
  if (value != nullptr) napi_is_array(env_, value, &isArray);
  if (isArray) napi_get_array_length(env_, value, &length);
  if (!isArray || length > maxCount) {
    Reject(name, "must be an array of at most " + std::to_string(maxCount));
    return elements;
  }
  elements.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element = nullptr;
    if (napi_get_element(env_, value, i, &element) != napi_ok) {
      Reject(name, "cannot be read");
      return {};
    }
    elements.emplace_back(env_, element);
  }
  return elements;
}

Napi::Value Arguments::Property(napi_value object, const char* name) {
  if (failed_) return {};
  napi_value property = nullptr;
  if (TypeOf(object) != napi_object || napi_get_named_property(env_, object, name, &property) != napi_ok) {
    Reject(name, "must be a property of an object");
    return {};
  }
  return {env_, property};
}

std::vector<uint64_t> Arguments::CapabilityArguments(napi_value value, const char* name) {
  std::vector<uint64_t> numbers;
  if (failed_ || IsAbsent(env_, value)) return numbers;
  for (const Napi::Value& element : Elements(value, name, kMaxCapabilityArguments))
    numbers.push_back(BigUint64(element, name));
  return numbers;
}

}  // namespace faultlab
