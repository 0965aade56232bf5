#include "ioctl.h"

#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "arguments.h"
#include "hex.h"
#include "uapi/kvm.h"

namespace faultlab {
namespace {

// More than any CPU has; KVM refuses to fill a longer array.
constexpr uint32_t kMaxCpuidEntries = 256;

}  // namespace

Napi::Value RawIoctl(const Napi::CallbackInfo& info, const char* call, int fd, uint32_t forbidden, const char* instead,
                     MemoryFailure* failure) {
  const Napi::Env env = info.Env();
  Arguments args(info, call);
  const uint32_t request = args.Uint32(info[0], "request");
  if (!args.failed() && forbidden != 0 && request == forbidden) args.Reject("request", instead);
  if (args.failed()) return {};
  const uint32_t sizeBytes = uapi::IoctlArgumentSize(request);
  uint64_t argument = 0;
  if (IsAbsent(env, info[1]) || info[1].IsNumber()) {
    // A number here would be an address for the kernel to read or write.
    if (sizeBytes != 0) args.Reject("argument", "must be a Uint8Array for a request that carries a size");
    if (!IsAbsent(env, info[1])) argument = args.Integer(info[1], "argument");
  } else {
    argument = reinterpret_cast<uint64_t>(args.Buffer(info[1], "argument", sizeBytes).data);
  }
  if (args.failed()) return {};
  const CallResult result = failure == nullptr ? Ioctl(fd, request, argument) : WhileInterrupted([&] {
    return CallNotingMemoryFailure(failure, SYS_ioctl, fd, request, static_cast<int64_t>(argument));
  });
  if (!result.ok()) {
    return ThrowFailure(env, {family::kKvm, "ioctl", result.error},
                        std::string(call) + " with request " + Hex(request));
  }
  return Napi::Number::New(env, static_cast<double>(result.value));
}

Napi::Value CheckExtension(const Napi::CallbackInfo& info, const char* call, int fd) {
  Arguments args(info, call);
  const uint32_t capability = args.Uint32(info[0], "capability");
  if (args.failed()) return {};
  const CallResult result = Ioctl(fd, uapi::kCheckExtension, static_cast<unsigned long>(capability));
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_CHECK_EXTENSION", result.error},
                        "capability " + std::to_string(capability));
  }
  return Napi::Number::New(info.Env(), static_cast<double>(result.value));
}

CallResult EnableCap(int fd, uint32_t capability, uint32_t flags, const std::vector<uint64_t>& arguments) {
  uapi::KvmEnableCap argument{};
  argument.cap = capability;
  argument.flags = flags;
  for (size_t i = 0; i < arguments.size() && i < std::size(argument.args); i++) argument.args[i] = arguments[i];
  return Ioctl(fd, uapi::kEnableCap, &argument);
}

Napi::Value EnableCap(const Napi::CallbackInfo& info, const char* call, int fd) {
  const Napi::Env env = info.Env();
  Arguments args(info, call);
  const std::vector<uint64_t> arguments = args.CapabilityArguments(info[2], "args");
  const uint32_t capability = args.Uint32(info[0], "capability");
  const uint32_t flags = IsAbsent(env, info[1]) ? 0 : args.Uint32(info[1], "flags");
  if (args.failed()) return {};
  const CallResult result = EnableCap(fd, capability, flags, arguments);
  if (!result.ok()) {
    return ThrowFailure(
        env, {family::kKvm, "KVM_ENABLE_CAP", result.error},
        "capability " + std::to_string(capability) +
            "; check_extension tells whether this host has it, and some must come before the first vCPU");
  }
  return Napi::Number::New(env, static_cast<double>(result.value));
}

Napi::Value GetCpuid(Napi::Env env, int fd, uint32_t request, const char* name) {
  std::vector<uint8_t> buffer(sizeof(uapi::KvmCpuid2) + kMaxCpuidEntries * sizeof(uapi::KvmCpuidEntry2));
  uapi::KvmCpuid2 head{kMaxCpuidEntries, 0};
  memcpy(buffer.data(), &head, sizeof(head));
  const CallResult result = Ioctl(fd, request, buffer.data());
  if (!result.ok())
    return ThrowFailure(env, {family::kKvm, name, result.error},
                        "up to " + std::to_string(kMaxCpuidEntries) + " entries");
  memcpy(&head, buffer.data(), sizeof(head));
  const size_t sizeBytes = size_t{std::min(head.nent, kMaxCpuidEntries)} * sizeof(uapi::KvmCpuidEntry2);
  Napi::Uint8Array entries = Napi::Uint8Array::New(env, sizeBytes);
  if (!entries.IsEmpty() && sizeBytes != 0) memcpy(entries.Data(), buffer.data() + sizeof(head), sizeBytes);
  return entries;
}

}  // namespace faultlab
