// What the three kinds of KVM descriptor share: the raw ioctl, and capabilities.
#ifndef KVM_FAULTLAB_IOCTL_H_
#define KVM_FAULTLAB_IOCTL_H_

#include <napi.h>
#include <sys/ioctl.h>

#include <cstdint>
#include <vector>

#include "memory_failure.h"
#include "retry.h"

namespace faultlab {

template <class Argument>
CallResult Ioctl(int fd, uint32_t request, Argument argument) {
  return CallRetrying([&] { return ioctl(fd, request, argument); });
}

// Vm.ioctl(request, argument): any request on `fd`. `forbidden` is one that must not come this way; 0 for none.
// Poisoned memory that the kernel meets on the way is noted in `failure`, where there is one.
Napi::Value RawIoctl(const Napi::CallbackInfo& info, const char* call, int fd, uint32_t forbidden, const char* instead,
                     MemoryFailure* failure = nullptr);

// KVM_CHECK_EXTENSION(info[0]).
Napi::Value CheckExtension(const Napi::CallbackInfo& info, const char* call, int fd);

// KVM_ENABLE_CAP(info[0], info[1], info[2]).
Napi::Value EnableCap(const Napi::CallbackInfo& info, const char* call, int fd);
CallResult EnableCap(int fd, uint32_t capability, uint32_t flags, const std::vector<uint64_t>& arguments);

// A kvm_cpuid_entry2 array from KVM_GET_SUPPORTED_CPUID or KVM_GET_CPUID2.
Napi::Value GetCpuid(Napi::Env env, int fd, uint32_t request, const char* name);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_IOCTL_H_
