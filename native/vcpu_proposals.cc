// What proposals need of a vCPU: requests from any thread, pages of its file, and whether KVM knows a request at all.
#include <sys/mman.h>

#include <memory>
#include <string>

#include "arguments.h"
#include "fault_signals.h"
#include "guarded_copy.h"
#include "hex.h"
#include "ioctl.h"
#include "mapping.h"
#include "uapi/proposals.h"
#include "vcpu.h"

namespace faultlab {
namespace {

// Pages of a vCPU's file that KVM has a use for lie below: the last ones are those of the dirty ring, at 64 and up.
constexpr uint64_t kMaxVcpuPage = 64 + 65536;

bool IsAsync(uint32_t request) {
  return request == uapi::kAsyncPfUserReady || request == uapi::kAsyncPf || request == uapi::kUserfaultReady;
}

Napi::Value ResultOf(Napi::Env env, const CallResult& result) {
  return Napi::Number::New(env, static_cast<double>(result.ok() ? result.value : -result.error));
}

}  // namespace

Napi::Value Vcpu::AsyncIoctl(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Vcpu.asyncIoctl");
  const uint64_t share = args.Integer(info[0], "share");
  const uint32_t request = args.Uint32(info[1], "request");
  if (!args.failed() && !IsAsync(request)) {
    return ThrowCoded(env, "VCPU_WRONG_THREAD",
                      "Vcpu.asyncIoctl: request " + Hex(request) +
                          " belongs to the thread that created the vCPU; KVM_ASYNC_PF, KVM_ASYNC_PF_USER_READY "
                          "and KVM_USERFAULT_READY may come from any");
  }
  uint64_t argument = uapi::kUnreadableAddress;
  if (info.Length() < 3 || !info[2].IsNull()) {
    argument = reinterpret_cast<uint64_t>(args.Buffer(info[2], "argument", uapi::IoctlArgumentSize(request)).data);
  }
  if (args.failed()) return {};
  const std::shared_ptr<VcpuObject> vcpu = Registry<VcpuObject>::Instance().Find(share);
  if (!vcpu) {
    return ThrowCoded(env, "BAD_SHARE",
                      "Vcpu.asyncIoctl: no open Vcpu has this number (never issued, or its handle is closed)");
  }
  return ResultOf(env, faultlab::Ioctl(vcpu->fd(), request, argument));
}

Napi::Value Vcpu::IoctlUnreadable(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.ioctlUnreadable");
  const uint32_t request = args.Uint32(info[0], "request");
  // Any other could do something before KVM looks at the address, or without.
  const bool readsArgument = ((request >> 30) & uapi::kIocWrite) != 0 && uapi::IoctlArgumentSize(request) != 0;
  if (!args.failed() && !readsArgument) args.Reject("request", "must be one whose argument the kernel reads (_IOW)");
  if (args.failed()) return {};
  return ResultOf(info.Env(), faultlab::Ioctl(object()->fd(), request, uapi::kUnreadableAddress));
}

Napi::Value Vcpu::MapPage(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Vcpu.mapPage");
  const uint64_t page = args.Integer(info[0], "page", kMaxVcpuPage);
  if (args.failed()) return {};
  if (!ArmFaultSignals()) return ThrowGuardDisplaced(env);
  constexpr int kReadWrite = PROT_READ | PROT_WRITE;
  void* address =
      mmap(nullptr, kPageSize, kReadWrite, MAP_SHARED, object()->fd(), static_cast<off_t>(page * kPageSize));
  const int error = errno;
  const std::string what = "page " + std::to_string(page) + " of vCPU " + std::to_string(object()->vcpuId());
  if (address == MAP_FAILED) return ThrowFailure(env, {family::kKvm, "mmap", error}, what);
  auto memory = std::make_shared<MappedMemory>(address, kPageSize, kReadWrite, false, nullptr, 0);
  memory->MarkOfDriver();
  // KVM maps whatever is asked for; whether there is anything shows at the first access. From then on it stays: nothing
  // but madvise and munmap takes it out of the page tables again.
  uint8_t first = 0;
  const CopyFault fault = GuardedCopy(&first, memory->at(0), sizeof(first));
  if (fault.signal != 0)
    return ThrowCoded(env, "VCPU_NO_PAGE", "Vcpu.mapPage: KVM has nothing at " + what + ": touching it raises SIGBUS");
  return Mapping::Wrap(env, std::move(memory));
}

}  // namespace faultlab
