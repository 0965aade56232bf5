// The state of a virtual CPU: registers, CPUID, MSRs, and the events that user space injects.
#include <cstring>
#include <string>
#include <vector>

#include "arguments.h"
#include "hex.h"
#include "ioctl.h"
#include "vcpu.h"

namespace faultlab {
namespace {

// A request whose argument is one structure in a buffer of the caller's.
template <class Struct>
Napi::Value StructIoctl(const Napi::CallbackInfo& info, const char* call, const VcpuObject& vcpu, uint32_t request,
                        const char* name) {
  Arguments args(info, call);
  const Bytes bytes = args.Buffer(info[0], "buffer", sizeof(Struct));
  if (args.failed()) return {};
  const CallResult result = Ioctl(vcpu.fd(), request, bytes.data);
  if (!result.ok())
    return ThrowFailure(info.Env(), {family::kKvm, name, result.error}, "vCPU " + std::to_string(vcpu.vcpuId()));
  return info.Env().Undefined();
}

struct OneMsr {
  uapi::KvmMsrs head;
  uapi::KvmMsrEntry entry;
};
static_assert(sizeof(OneMsr) == 24 && offsetof(OneMsr, entry) == 8);

constexpr const char* kNeedsVcpuAttributes = "KVM_VCPU_TSC_OFFSET needs KVM_CAP_VCPU_ATTRIBUTES";

// What the guest's TSC is ahead of the host's, read or written in place.
CallResult TscOffsetIoctl(int fd, uint32_t request, uint64_t* offset) {
  uapi::KvmDeviceAttr attribute{0, uapi::kVcpuTscCtrl, uapi::kVcpuTscOffset, reinterpret_cast<uint64_t>(offset)};
  return Ioctl(fd, request, &attribute);
}

std::string Msr(uint32_t index) { return "MSR " + Hex(index); }

// KVM_GET_MSRS and KVM_SET_MSRS return how many of the MSRs they did.
bool OneMsrDone(Napi::Env env, const CallResult& result, const char* name, uint32_t index) {
  if (!result.ok()) {
    ThrowFailure(env, {family::kKvm, name, result.error}, Msr(index));
    return false;
  }
  if (result.value != 1) {
    ThrowCoded(env, "KVM_MSR_REFUSED",
               std::string(name) + " refused " + Msr(index) +
                   ": this KVM does not have it, the vCPU's CPUID hides it, or the value is not valid for it");
    return false;
  }
  return true;
}

}  // namespace

Napi::Value Vcpu::GetRegs(const Napi::CallbackInfo& info) {
  return StructIoctl<uapi::KvmRegs>(info, "Vcpu.getRegs", *object(), uapi::kGetRegs, "KVM_GET_REGS");
}

Napi::Value Vcpu::SetRegs(const Napi::CallbackInfo& info) {
  return StructIoctl<uapi::KvmRegs>(info, "Vcpu.setRegs", *object(), uapi::kSetRegs, "KVM_SET_REGS");
}

Napi::Value Vcpu::GetSregs(const Napi::CallbackInfo& info) {
  return StructIoctl<uapi::KvmSregs>(info, "Vcpu.getSregs", *object(), uapi::kGetSregs, "KVM_GET_SREGS");
}

Napi::Value Vcpu::SetSregs(const Napi::CallbackInfo& info) {
  return StructIoctl<uapi::KvmSregs>(info, "Vcpu.setSregs", *object(), uapi::kSetSregs, "KVM_SET_SREGS");
}

Napi::Value Vcpu::GetVcpuEvents(const Napi::CallbackInfo& info) {
  return StructIoctl<uapi::KvmVcpuEvents>(info, "Vcpu.getVcpuEvents", *object(), uapi::kGetVcpuEvents,
                                          "KVM_GET_VCPU_EVENTS");
}

Napi::Value Vcpu::SetVcpuEvents(const Napi::CallbackInfo& info) {
  return StructIoctl<uapi::KvmVcpuEvents>(info, "Vcpu.setVcpuEvents", *object(), uapi::kSetVcpuEvents,
                                          "KVM_SET_VCPU_EVENTS");
}

Napi::Value Vcpu::SetCpuid2(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Vcpu.setCpuid2");
  const Bytes entries = args.Buffer(info[0], "entries");
  constexpr size_t kMaxEntries = 256;
  if (!args.failed() &&
      (entries.size % sizeof(uapi::KvmCpuidEntry2) != 0 || entries.size / sizeof(uapi::KvmCpuidEntry2) > kMaxEntries)) {
    args.Reject("entries", "must be up to 256 entries of 40 bytes");
  }
  if (args.failed()) return {};
  const uapi::KvmCpuid2 head{static_cast<uint32_t>(entries.size / sizeof(uapi::KvmCpuidEntry2)), 0};
  std::vector<uint8_t> argument(sizeof(head) + entries.size);
  memcpy(argument.data(), &head, sizeof(head));
  if (entries.size != 0) memcpy(argument.data() + sizeof(head), entries.data, entries.size);
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kSetCpuid2, argument.data());
  if (!result.ok()) {
    return ThrowFailure(
        env, {family::kKvm, "KVM_SET_CPUID2", result.error},
        std::to_string(head.nent) +
            " entries; it must come before the first KVM_RUN, and may not promise what this host lacks");
  }
  return env.Undefined();
}

Napi::Value Vcpu::GetCpuid2(const Napi::CallbackInfo& info) {
  return GetCpuid(info.Env(), object()->fd(), uapi::kGetCpuid2, "KVM_GET_CPUID2");
}

Napi::Value Vcpu::GetMsr(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.getMsr");
  const uint32_t index = args.Uint32(info[0], "index");
  if (args.failed()) return {};
  OneMsr argument{{1, 0}, {index, 0, 0}};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kGetMsrs, &argument);
  if (!OneMsrDone(info.Env(), result, "KVM_GET_MSRS", index)) return {};
  return Napi::BigInt::New(info.Env(), argument.entry.data);
}

Napi::Value Vcpu::SetMsr(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.setMsr");
  const uint32_t index = args.Uint32(info[0], "index");
  const uint64_t value = args.BigUint64(info[1], "value");
  if (args.failed()) return {};
  OneMsr argument{{1, 0}, {index, 0, value}};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kSetMsrs, &argument);
  if (!OneMsrDone(info.Env(), result, "KVM_SET_MSRS", index)) return {};
  return info.Env().Undefined();
}

Napi::Value Vcpu::GetMpState(const Napi::CallbackInfo& info) {
  uapi::KvmMpState state{};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kGetMpState, &state);
  if (!result.ok())
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_GET_MP_STATE", result.error}, "needs KVM_CAP_MP_STATE");
  return Napi::Number::New(info.Env(), state.mp_state);
}

Napi::Value Vcpu::SetMpState(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.setMpState");
  uapi::KvmMpState state{args.Uint32(info[0], "state")};
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kSetMpState, &state);
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_SET_MP_STATE", result.error},
                        "state " + std::to_string(state.mp_state) + "; all but RUNNABLE need an in-kernel LAPIC");
  }
  return info.Env().Undefined();
}

Napi::Value Vcpu::Translate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Vcpu.translate");
  uapi::KvmTranslation translation{};
  translation.linear_address = args.BigUint64(info[0], "gva");
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kTranslate, &translation);
  if (!result.ok())
    return ThrowFailure(env, {family::kKvm, "KVM_TRANSLATE", result.error}, "gva " + Hex(translation.linear_address));
  const Napi::Object translated = Napi::Object::New(env);
  translated.Set("gpa", Napi::BigInt::New(env, translation.physical_address));
  translated.Set("valid", Napi::Boolean::New(env, translation.valid != 0));
  translated.Set("writeable", Napi::Boolean::New(env, translation.writeable != 0));
  translated.Set("usermode", Napi::Boolean::New(env, translation.usermode != 0));
  return translated;
}

Napi::Value Vcpu::Interrupt(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.interrupt");
  uapi::KvmInterrupt interrupt{static_cast<uint32_t>(args.Integer(info[0], "vector", 255))};
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kInterrupt, &interrupt);
  if (!result.ok()) {
    return ThrowFailure(
        info.Env(), {family::kKvm, "KVM_INTERRUPT", result.error},
        "vector " + std::to_string(interrupt.irq) +
            "; ENXIO means that the VM has an in-kernel irqchip, EEXIST that an interrupt is queued already");
  }
  return info.Env().Undefined();
}

Napi::Value Vcpu::Nmi(const Napi::CallbackInfo& info) {
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kNmi, 0UL);
  if (!result.ok()) return ThrowFailure(info.Env(), {family::kKvm, "KVM_NMI", result.error}, "needs KVM_CAP_USER_NMI");
  return info.Env().Undefined();
}

Napi::Value Vcpu::SetupMce(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.setupMce");
  uint64_t mcgCap = args.BigUint64(info[0], "mcgCap");
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kX86SetupMce, &mcgCap);
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_X86_SETUP_MCE", result.error},
                        "MCG_CAP " + Hex(mcgCap) + "; KVM_X86_GET_MCE_CAP_SUPPORTED tells what there is");
  }
  return info.Env().Undefined();
}

Napi::Value Vcpu::SetMce(const Napi::CallbackInfo& info) {
  const std::shared_ptr<VcpuObject> vcpu = object();
  Arguments args(info, "Vcpu.setMce");
  uapi::KvmX86Mce mce{};
  mce.status = args.BigUint64(args.Property(info[0], "status"), "status");
  mce.addr = args.BigUint64(args.Property(info[0], "addr"), "addr");
  mce.misc = args.BigUint64(args.Property(info[0], "misc"), "misc");
  mce.mcg_status = args.BigUint64(args.Property(info[0], "mcgStatus"), "mcgStatus");
  mce.bank = static_cast<uint8_t>(args.Integer(args.Property(info[0], "bank"), "bank", 255));
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(vcpu->fd(), uapi::kX86SetMce, &mce);
  if (!result.ok())
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_X86_SET_MCE", result.error},
                        "bank " + std::to_string(mce.bank) +
                            "; setupMce comes first, and the status needs its VAL bit");
  return info.Env().Undefined();
}

Napi::Value Vcpu::TscKhz(const Napi::CallbackInfo& info) {
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kGetTscKhz, 0UL);
  if (!result.ok())
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_GET_TSC_KHZ", result.error}, "needs KVM_CAP_GET_TSC_KHZ");
  return Napi::Number::New(info.Env(), static_cast<double>(result.value));
}

Napi::Value Vcpu::TscOffset(const Napi::CallbackInfo& info) {
  uint64_t offset = 0;
  const CallResult result = TscOffsetIoctl(object()->fd(), uapi::kGetDeviceAttr, &offset);
  if (!result.ok())
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_GET_DEVICE_ATTR", result.error}, kNeedsVcpuAttributes);
  return Napi::BigInt::New(info.Env(), offset);
}

Napi::Value Vcpu::SetTscOffset(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.setTscOffset");
  uint64_t offset = args.BigUint64(info[0], "offset");
  if (args.failed()) return {};
  const CallResult result = TscOffsetIoctl(object()->fd(), uapi::kSetDeviceAttr, &offset);
  if (!result.ok())
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_SET_DEVICE_ATTR", result.error}, kNeedsVcpuAttributes);
  return info.Env().Undefined();
}

}  // namespace faultlab
