#include "kvm.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "arguments.h"
#include "ioctl.h"
#include "uapi/vcpu.h"
#include "vm.h"

namespace faultlab {
namespace {

constexpr const char* kDevice = "/dev/kvm";
constexpr uint32_t kMaxMsrs = 4096;

std::string OpenHelp(const std::string& path, int error) {
  switch (error) {
  case ENOENT:
  case ENXIO:
  case ENODEV:
    return path + "; load kvm_intel or kvm_amd, and switch virtualization on in the firmware (or nested virtualization "
                  "on, inside a VM)";
  case EACCES:
  case EPERM:
    return path + "; become a member of the group kvm, or run as root";
  default:
    return path;
  }
}

Napi::Value SystemCall(Napi::Env env, const KvmObject& kvm, uint32_t request, const char* name) {
  const CallResult result = Ioctl(kvm.fd(), request, 0UL);
  if (!result.ok()) return ThrowFailure(env, {family::kKvm, name, result.error}, "on the descriptor of /dev/kvm");
  return Napi::Number::New(env, static_cast<double>(result.value));
}

}  // namespace

std::shared_ptr<KvmObject> Kvm::Construct(const Napi::CallbackInfo& info) {
  Arguments args(info, "new Kvm");
  const std::string path = IsAbsent(info.Env(), info[0]) ? std::string(kDevice) : args.String(info[0], "path");
  if (args.failed()) return nullptr;
  const CallResult opened =
      CallRetrying([&] { return open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); });
  if (!opened.ok()) {
    ThrowFailure(info.Env(), {family::kKvm, "open", opened.error}, OpenHelp(path, opened.error));
    return nullptr;
  }
  return std::make_shared<KvmObject>(Descriptor(static_cast<int>(opened.value)));
}

Napi::Function Kvm::Define(Napi::Env env) {
  return Handle::Define(env, {
                                 Getter<&Kvm::Fd>("fd"),
                                 Method<&Kvm::ApiVersion>("apiVersion"),
                                 Method<&Kvm::CheckExtension>("checkExtension"),
                                 Method<&Kvm::VcpuMmapSizeBytes>("vcpuMmapSizeBytes"),
                                 Method<&Kvm::SupportedCpuid>("supportedCpuid"),
                                 Method<&Kvm::MsrIndexList>("msrIndexList"),
                                 Method<&Kvm::CreateVm>("createVm"),
                                 Method<&Kvm::Ioctl>("ioctl"),
                             });
}

Napi::Value Kvm::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), object()->fd()); }

Napi::Value Kvm::ApiVersion(const Napi::CallbackInfo& info) {
  return SystemCall(info.Env(), *object(), uapi::kGetApiVersion, "KVM_GET_API_VERSION");
}

Napi::Value Kvm::CheckExtension(const Napi::CallbackInfo& info) {
  return faultlab::CheckExtension(info, "Kvm.checkExtension", object()->fd());
}

Napi::Value Kvm::VcpuMmapSizeBytes(const Napi::CallbackInfo& info) {
  return SystemCall(info.Env(), *object(), uapi::kGetVcpuMmapSize, "KVM_GET_VCPU_MMAP_SIZE");
}

Napi::Value Kvm::SupportedCpuid(const Napi::CallbackInfo& info) {
  return GetCpuid(info.Env(), object()->fd(), uapi::kGetSupportedCpuid, "KVM_GET_SUPPORTED_CPUID");
}

Napi::Value Kvm::MsrIndexList(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<uint32_t> list(1 + kMaxMsrs);
  list[0] = kMaxMsrs;
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kGetMsrIndexList, list.data());
  if (!result.ok())
    return ThrowFailure(env, {family::kKvm, "KVM_GET_MSR_INDEX_LIST", result.error},
                        "up to " + std::to_string(kMaxMsrs) + " MSRs");
  const size_t count = std::min(list[0], kMaxMsrs);
  Napi::Uint32Array indices = Napi::Uint32Array::New(env, count);
  if (!indices.IsEmpty() && count != 0) memcpy(indices.Data(), list.data() + 1, count * sizeof(uint32_t));
  return indices;
}

Napi::Value Kvm::CreateVm(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Kvm.createVm");
  const uint32_t type = args.Uint32(info[0], "type");
  if (args.failed()) return {};
  const CallResult created = faultlab::Ioctl(object()->fd(), uapi::kCreateVm, static_cast<unsigned long>(type));
  if (!created.ok()) {
    return ThrowFailure(
        env, {family::kKvm, "KVM_CREATE_VM", created.error},
        "a VM of type " + std::to_string(type) +
            "; EINVAL means that KVM_CAP_VM_TYPES has no such type, EBUSY that another hypervisor holds the CPU");
  }
  Descriptor vm(static_cast<int>(created.value));
  const CallResult sizeBytes = faultlab::Ioctl(object()->fd(), uapi::kGetVcpuMmapSize, 0UL);
  if (!sizeBytes.ok() || static_cast<size_t>(sizeBytes.value) < sizeof(uapi::KvmRun)) {
    return ThrowFailure(env, {family::kKvm, "KVM_GET_VCPU_MMAP_SIZE", sizeBytes.ok() ? EINVAL : sizeBytes.error},
                        "the size of struct kvm_run");
  }
  return Vm::Wrap(env, std::make_shared<VmObject>(std::move(vm), static_cast<size_t>(sizeBytes.value)));
}

Napi::Value Kvm::Ioctl(const Napi::CallbackInfo& info) { return RawIoctl(info, "Kvm.ioctl", object()->fd(), 0, ""); }

}  // namespace faultlab
