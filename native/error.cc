#include "error.h"

#include <cstring>

#include "errno_name.h"

namespace faultlab {
namespace {

// Plain Node-API calls: under Worker termination any of them may refuse, and node-addon-api would abort the process
// then.
napi_value String(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.c_str(), text.size(), &value);
  return value;
}

napi_value NewError(napi_env env, const std::string& code, const std::string& message) {
  napi_value error = nullptr;
  napi_create_error(env, String(env, code), String(env, message), &error);
  return error;
}

void SetNumber(napi_env env, napi_value error, const char* name, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  napi_set_named_property(env, error, name, value);
}

// The GNU or the POSIX form of strerror_r, whichever the C library has.
[[maybe_unused]] const char* Words(const char* returned, const char* /*buffer*/) { return returned; }
[[maybe_unused]] const char* Words(int /*returned*/, const char* buffer) { return buffer; }

std::string SystemWords(int error) {
  char buffer[128] = "";
  return Words(strerror_r(error, buffer, sizeof(buffer)), buffer);
}

}  // namespace

Napi::Value ThrowFailure(Napi::Env env, const Failure& failure, const std::string& tried) {
  const std::string name = ErrnoName(failure.number);
  const std::string message =
      std::string(failure.syscall) + " failed with " + name + " (" + SystemWords(failure.number) + "): " + tried;
  napi_value error = NewError(env, std::string(failure.family) + "_" + name, message);
  if (error != nullptr) {
    SetNumber(env, error, "errno", failure.number);
    napi_set_named_property(env, error, "syscall", String(env, failure.syscall));
    napi_throw(env, error);
  }
  return {};
}

Napi::Value ThrowCoded(Napi::Env env, const char* code, const std::string& message) {
  napi_value error = NewError(env, code, message);
  if (error != nullptr) napi_throw(env, error);
  return {};
}

Napi::Value ThrowCodedWith(Napi::Env env, const char* code, const std::string& message, const char* name,
                           double value) {
  napi_value error = NewError(env, code, message);
  if (error != nullptr) {
    SetNumber(env, error, name, value);
    napi_throw(env, error);
  }
  return {};
}

Napi::Value ThrowGuardDisplaced(Napi::Env env) {
  return ThrowCoded(env, "GUARD_DISPLACED",
                    "other code in this process keeps replacing the handlers of SIGBUS and SIGSEGV: a fault of guest "
                    "memory would end the process");
}

}  // namespace faultlab
