// Errors as JavaScript sees them: an Error with a stable `code`, and for a failed call its `errno` and `syscall`.
#ifndef KVM_FAULTLAB_ERROR_H_
#define KVM_FAULTLAB_ERROR_H_

#include <napi.h>

#include <string>

namespace faultlab {

// Families of codes: KVM_EFAULT, UFFD_EPERM, ...
namespace family {
constexpr const char* kKvm = "KVM";
constexpr const char* kUffd = "UFFD";
constexpr const char* kMapping = "MAPPING";
constexpr const char* kFile = "FILE";
constexpr const char* kEventFd = "EVENTFD";
constexpr const char* kThread = "THREAD";
}  // namespace family

// A call that failed. `number` is errno, taken before anything else could change it.
struct Failure {
  const char* family;
  const char* syscall;
  int number;
};

// Throws { code: "KVM_EFAULT", errno, syscall, message }. `tried` says what was asked for and what may help; it follows
// the call's name and the system's own words. Returns an empty value, for `return Throw...`.
Napi::Value ThrowFailure(Napi::Env env, const Failure& failure, const std::string& tried);

// Throws { code, message }.
Napi::Value ThrowCoded(Napi::Env env, const char* code, const std::string& message);

// As ThrowCoded, with a number under `name`.
Napi::Value ThrowCodedWith(Napi::Env env, const char* code, const std::string& message, const char* name, double value);

// Throws GUARD_DISPLACED: the handlers of fault_signals.h cannot be kept in place.
Napi::Value ThrowGuardDisplaced(Napi::Env env);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_ERROR_H_
