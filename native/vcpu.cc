#include "vcpu.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "arguments.h"
#include "clock.h"
#include "ioctl.h"
#include "memory_failure.h"
#include "stamps.h"
#include "thread.h"

namespace faultlab {
namespace {

constexpr uint64_t kLeastSliceNs = 1'000'000;
constexpr uint64_t kMostSliceNs = 60'000'000'000;

}  // namespace

RunArea::~RunArea() { munmap(address_, sizeBytes_); }

bool VcpuObject::OnItsThread() const { return CurrentThreadId() == threadId_; }

int VcpuObject::Run() {
  if (!armed_) {
    const int error = timer_.Arm(sliceNs_, sliceNs_);
    if (error != 0) return -error;
    armed_ = true;
  }
  // A KVM_RUN that fails may leave the reason of an earlier exit, and KVM_EXIT_MEMORY_FAULT counts after a failure.
  area_->run().exit_reason = 0;
  // Noted beside an exit of the guest's, or by another ioctl: told before the guest goes on.
  if (noted_.code == 0) {
    const int error = Enter();
    if (noted_.code == 0 || error != EINTR) {
      reported_ = {};
      if (error == EINTR) TakeInterruption();
      return -error;
    }
    // A kick that came at the same time stays for the next run.
  }
  reported_ = std::exchange(noted_, {});
  return -EHWPOISON;
}

int VcpuObject::Enter() {
  const int64_t start = MonotonicNs();
  Stamp(StampKind::kRunEnter, 0);
  const CallResult result = CallNotingMemoryFailure(&noted_, SYS_ioctl, fd(), uapi::kRun, 0);
  Stamp(StampKind::kRunLeave, static_cast<uint32_t>(result.error) << 16 | (area_->run().exit_reason & 0xffff));
  runTimeNs_ += static_cast<uint64_t>(MonotonicNs() - start);
  runCount_++;
  return result.error;
}

void VcpuObject::SetSlice(int64_t sliceNs) {
  sliceNs_ = sliceNs;
  armed_ = false;
}

void VcpuObject::TakeInterruption() {
  const std::lock_guard<std::mutex> lock(kickMutex_);
  const uint8_t asked = __atomic_exchange_n(&area_->run().immediate_exit, uint8_t{0}, __ATOMIC_SEQ_CST);
  if (asked == 0 && !kicked_) sliceCount_++;
  kicked_ = false;
}

bool VcpuObject::Kick() {
  const std::lock_guard<std::mutex> lock(kickMutex_);
  if (retired_) return false;
  // One that was not taken yet does for both, and keeps signals from piling up.
  if (kicked_) return true;
  kicked_ = true;
  // For a thread that is on its way into KVM_RUN: the signal would be gone by then.
  __atomic_store_n(&area_->run().immediate_exit, uint8_t{1}, __ATOMIC_SEQ_CST);
  // A failure (a full signal queue) costs at most the rest of the slice.
  SendKick(threadId_);
  return true;
}

void VcpuObject::Retire() {
  const std::lock_guard<std::mutex> lock(kickMutex_);
  retired_ = true;
  timer_.Delete();
}

Vcpu::~Vcpu() {
  if (object()) object()->Retire();
}

Napi::Function Vcpu::Define(Napi::Env env) {
  return Handle::Define(env, {
                                 Static<&Vcpu::Kick>("kick"),
                                 Static<&Vcpu::AsyncIoctl>("asyncIoctl"),
                                 Getter<&Vcpu::Fd>("fd"),
                                 Getter<&Vcpu::Id>("id"),
                                 Getter<&Vcpu::ThreadId>("threadId"),
                                 Method<&Vcpu::RunAreaView>("runArea"),
                                 Method<&Vcpu::Run>("run"),
                                 Method<&Vcpu::LastMemoryFailure>("memoryFailure"),
                                 Method<&Vcpu::RunTimeNs>("runTimeNs"),
                                 Method<&Vcpu::RunCount>("runCount"),
                                 Method<&Vcpu::SliceCount>("sliceCount"),
                                 Method<&Vcpu::SetSliceNs>("setSliceNs"),
                                 Method<&Vcpu::GetRegs>("getRegs"),
                                 Method<&Vcpu::SetRegs>("setRegs"),
                                 Method<&Vcpu::GetSregs>("getSregs"),
                                 Method<&Vcpu::SetSregs>("setSregs"),
                                 Method<&Vcpu::GetVcpuEvents>("getVcpuEvents"),
                                 Method<&Vcpu::SetVcpuEvents>("setVcpuEvents"),
                                 Method<&Vcpu::SetCpuid2>("setCpuid2"),
                                 Method<&Vcpu::GetCpuid2>("getCpuid2"),
                                 Method<&Vcpu::GetMsr>("getMsr"),
                                 Method<&Vcpu::SetMsr>("setMsr"),
                                 Method<&Vcpu::GetMpState>("getMpState"),
                                 Method<&Vcpu::SetMpState>("setMpState"),
                                 Method<&Vcpu::Translate>("translate"),
                                 Method<&Vcpu::Interrupt>("interrupt"),
                                 Method<&Vcpu::Nmi>("nmi"),
                                 Method<&Vcpu::SetupMce>("setupMce"),
                                 Method<&Vcpu::SetMce>("setMce"),
                                 Method<&Vcpu::EnableCap>("enableCap"),
                                 Method<&Vcpu::TscKhz>("tscKhz"),
                                 Method<&Vcpu::TscOffset>("tscOffset"),
                                 Method<&Vcpu::SetTscOffset>("setTscOffset"),
                                 Method<&Vcpu::Ioctl>("ioctl"),
                                 Method<&Vcpu::IoctlUnreadable>("ioctlUnreadable"),
                                 Method<&Vcpu::MapPage>("mapPage"),
                             });
}

Napi::Value Vcpu::Create(Napi::Env env, const std::shared_ptr<VmObject>& vm, uint32_t id) {
  const int unprepared = PrepareKickableThread();
  if (unprepared != 0)
    return ThrowFailure(env, {family::kThread, "sigaction", unprepared}, "the signal that ends KVM_RUN");
  if (!PrepareForMemoryFailure()) return ThrowGuardDisplaced(env);
  const CallResult created = faultlab::Ioctl(vm->fd(), uapi::kCreateVcpu, static_cast<unsigned long>(id));
  if (!created.ok()) {
    return ThrowFailure(env, {family::kKvm, "KVM_CREATE_VCPU", created.error},
                        "vCPU " + std::to_string(id) +
                            "; EEXIST means that the VM has it already, EINVAL that KVM_CAP_MAX_VCPU_ID is lower");
  }
  Descriptor fd(static_cast<int>(created.value));
  const size_t sizeBytes = vm->vcpuMmapSizeBytes();
  void* address = mmap(nullptr, sizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  const int mapError = errno;
  if (address == MAP_FAILED)
    return ThrowFailure(env, {family::kKvm, "mmap", mapError}, "struct kvm_run of vCPU " + std::to_string(id));
  auto area = std::make_shared<RunArea>(address, sizeBytes);
  auto vcpu = std::make_shared<VcpuObject>(vm, std::move(fd), std::move(area), id, CurrentThreadId());
  const int timerError = vcpu->CreateTimer();
  if (timerError != 0)
    return ThrowFailure(env, {family::kThread, "timer_create", timerError},
                        "the slice of vCPU " + std::to_string(id) + "; the limit is RLIMIT_SIGPENDING");
  return Wrap(env, std::move(vcpu));
}

bool Vcpu::BeforeClose(const Napi::CallbackInfo& info) {
  if (!object()->OnItsThread()) {
    ThrowCoded(info.Env(), "VCPU_WRONG_THREAD", "a vCPU is closed on the thread that created it");
    return false;
  }
  view_.Detach(info.Env());
  object()->Retire();
  return true;
}

Napi::Value Vcpu::Kick(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.kick");
  const uint64_t share = args.Integer(info[0], "share");
  if (args.failed()) return {};
  const std::shared_ptr<VcpuObject> vcpu = Registry<VcpuObject>::Instance().Find(share);
  return Napi::Boolean::New(info.Env(), vcpu && vcpu->Kick());
}

Napi::Value Vcpu::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), object()->fd()); }

Napi::Value Vcpu::Id(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), object()->vcpuId()); }

Napi::Value Vcpu::ThreadId(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), object()->threadId());
}

Napi::Value Vcpu::RunAreaView(const Napi::CallbackInfo& info) {
  const std::shared_ptr<RunArea>& area = object()->area();
  return view_.Get(info.Env(), area->address(), area->sizeBytes(), area);
}

Napi::Value Vcpu::Run(const Napi::CallbackInfo& info) {
  if (!object()->OnItsThread())
    return ThrowCoded(info.Env(), "VCPU_WRONG_THREAD", "KVM_RUN belongs to the thread that created the vCPU");
  const int result = object()->Run();
  // It may have been poison that a handler of other code took: KVM will tell it again, and then ours must be there.
  if (result == -EINTR && !PrepareForMemoryFailure()) return ThrowGuardDisplaced(info.Env());
  return Napi::Number::New(info.Env(), result);
}

Napi::Value Vcpu::LastMemoryFailure(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const MemoryFailure& reported = object()->reported();
  if (reported.code == 0) return env.Null();
  const Napi::Object failure = Napi::Object::New(env);
  failure.Set("code", Napi::Number::New(env, static_cast<double>(reported.code)));
  failure.Set("hva", Napi::BigInt::New(env, reported.address));
  failure.Set("lsb", Napi::Number::New(env, static_cast<double>(reported.addressLsb)));
  return failure;
}

Napi::Value Vcpu::RunTimeNs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(object()->runTimeNs()));
}

Napi::Value Vcpu::RunCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(object()->runCount()));
}

Napi::Value Vcpu::SetSliceNs(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vcpu.setSliceNs");
  const uint64_t sliceNs = args.Integer(info[0], "sliceNs", kMostSliceNs, kLeastSliceNs);
  if (args.failed()) return {};
  if (!object()->OnItsThread())
    return ThrowCoded(info.Env(), "VCPU_WRONG_THREAD", "the slice belongs to the thread that created the vCPU");
  object()->SetSlice(static_cast<int64_t>(sliceNs));
  return info.Env().Undefined();
}

Napi::Value Vcpu::SliceCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(object()->sliceCount()));
}

Napi::Value Vcpu::EnableCap(const Napi::CallbackInfo& info) {
  return faultlab::EnableCap(info, "Vcpu.enableCap", std::shared_ptr<VcpuObject>(object())->fd());
}

Napi::Value Vcpu::Ioctl(const Napi::CallbackInfo& info) {
  return RawIoctl(info, "Vcpu.ioctl", object()->fd(), uapi::kRun, "must not be KVM_RUN: only run() is sure to return",
                  object()->noted());
}

}  // namespace faultlab
