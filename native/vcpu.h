// A virtual CPU.
#ifndef KVM_FAULTLAB_VCPU_H_
#define KVM_FAULTLAB_VCPU_H_

#include <napi.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "descriptor.h"
#include "handle.h"
#include "kick_signal.h"
#include "memory_failure.h"
#include "uapi/vcpu.h"
#include "view.h"
#include "vm.h"

namespace faultlab {

// struct kvm_run and the pages behind it.
class RunArea {
 public:
  RunArea(void* address, size_t sizeBytes) : address_(address), sizeBytes_(sizeBytes) {}
  ~RunArea();
  RunArea(const RunArea&) = delete;
  RunArea& operator=(const RunArea&) = delete;
  RunArea(RunArea&&) = delete;
  RunArea& operator=(RunArea&&) = delete;

  void* address() const { return address_; }
  size_t sizeBytes() const { return sizeBytes_; }
  uapi::KvmRun& run() const { return *static_cast<uapi::KvmRun*>(address_); }

 private:
  void* const address_;
  const size_t sizeBytes_;
};

// Everything but Kick() is for the thread that created it, and so are all requests but those of Vcpu::AsyncIoctl().
class VcpuObject : public SharedObject {
 public:
  VcpuObject(std::shared_ptr<VmObject> vm, Descriptor fd, std::shared_ptr<RunArea> area, uint32_t vcpuId,
             pid_t threadId)
      : vm_(std::move(vm)), area_(std::move(area)), fd_(std::move(fd)), vcpuId_(vcpuId), threadId_(threadId) {}

  int fd() const { return fd_.get(); }
  // The guest's number for it; id() is the process's.
  uint32_t vcpuId() const { return vcpuId_; }
  pid_t threadId() const { return threadId_; }
  const std::shared_ptr<RunArea>& area() const { return area_; }
  uint64_t runTimeNs() const { return runTimeNs_; }
  uint64_t runCount() const { return runCount_; }
  uint64_t sliceCount() const { return sliceCount_; }
  // Longest stay in KVM_RUN, from the next run on: what Worker termination and process exit may have to wait for.
  void SetSlice(int64_t sliceNs);

  // Makes the timer; 0 or an errno.
  int CreateTimer() { return timer_.Create(threadId_); }
  bool OnItsThread() const;
  // KVM_RUN, once: 0 or a negative errno; -EHWPOISON also where the kernel told of poisoned memory by signal.
  int Run();
  // What the last Run() reported so.
  const MemoryFailure& reported() const { return reported_; }
  // Where another call on this vCPU leaves a failure for the next Run().
  MemoryFailure* noted() { return &noted_; }
  // From any thread. False once retired.
  bool Kick();
  // The handle closes: no more kicks, no more slices.
  void Retire();

 private:
  // KVM_RUN: 0 or an errno.
  int Enter();
  void TakeInterruption();

  const std::shared_ptr<VmObject> vm_;  // its slots' memory is the guest's as long as this vCPU can run
  const std::shared_ptr<RunArea> area_;
  const Descriptor fd_;
  const uint32_t vcpuId_;
  const pid_t threadId_;
  SignalTimer timer_;
  bool armed_ = false;
  uint64_t runTimeNs_ = 0;
  uint64_t runCount_ = 0;
  uint64_t sliceCount_ = 0;
  int64_t sliceNs_ = 100'000'000;
  MemoryFailure noted_;
  MemoryFailure reported_;

  // A kick is one step for the vCPU's thread: it sees all of it or nothing.
  std::mutex kickMutex_;
  bool kicked_ = false;
  bool retired_ = false;
};

class Vcpu : public Handle<Vcpu, VcpuObject> {
 public:
  static constexpr ClassId kClassId = ClassId::kVcpu;
  static constexpr napi_type_tag kTypeTag = {0xc6937fb02e4d18a5, 0x70e2d84bac19f563};
  static constexpr const char* kName = "Vcpu";
  static constexpr const char* kMadeBy = "Vm.createVcpu()";

  explicit Vcpu(const Napi::CallbackInfo& info) : Handle(info) {}
  ~Vcpu() override;
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;
  Vcpu(Vcpu&&) = delete;
  Vcpu& operator=(Vcpu&&) = delete;

  static std::shared_ptr<VcpuObject> Construct(const Napi::CallbackInfo& info) { return ThrowNotConstructible(info); }
  static Napi::Function Define(Napi::Env env);
  // KVM_CREATE_VCPU on this thread.
  static Napi::Value Create(Napi::Env env, const std::shared_ptr<VmObject>& vm, uint32_t id);
  bool BeforeClose(const Napi::CallbackInfo& info);

 private:
  static Napi::Value Kick(const Napi::CallbackInfo& info);
  static Napi::Value AsyncIoctl(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Id(const Napi::CallbackInfo& info);
  Napi::Value ThreadId(const Napi::CallbackInfo& info);
  Napi::Value RunAreaView(const Napi::CallbackInfo& info);
  Napi::Value Run(const Napi::CallbackInfo& info);
  Napi::Value LastMemoryFailure(const Napi::CallbackInfo& info);
  Napi::Value RunTimeNs(const Napi::CallbackInfo& info);
  Napi::Value RunCount(const Napi::CallbackInfo& info);
  Napi::Value SliceCount(const Napi::CallbackInfo& info);
  Napi::Value SetSliceNs(const Napi::CallbackInfo& info);
  Napi::Value GetRegs(const Napi::CallbackInfo& info);
  Napi::Value SetRegs(const Napi::CallbackInfo& info);
  Napi::Value GetSregs(const Napi::CallbackInfo& info);
  Napi::Value SetSregs(const Napi::CallbackInfo& info);
  Napi::Value GetVcpuEvents(const Napi::CallbackInfo& info);
  Napi::Value SetVcpuEvents(const Napi::CallbackInfo& info);
  Napi::Value SetCpuid2(const Napi::CallbackInfo& info);
  Napi::Value GetCpuid2(const Napi::CallbackInfo& info);
  Napi::Value GetMsr(const Napi::CallbackInfo& info);
  Napi::Value SetMsr(const Napi::CallbackInfo& info);
  Napi::Value GetMpState(const Napi::CallbackInfo& info);
  Napi::Value SetMpState(const Napi::CallbackInfo& info);
  Napi::Value Translate(const Napi::CallbackInfo& info);
  Napi::Value Interrupt(const Napi::CallbackInfo& info);
  Napi::Value Nmi(const Napi::CallbackInfo& info);
  Napi::Value SetupMce(const Napi::CallbackInfo& info);
  Napi::Value SetMce(const Napi::CallbackInfo& info);
  Napi::Value EnableCap(const Napi::CallbackInfo& info);
  Napi::Value TscKhz(const Napi::CallbackInfo& info);
  Napi::Value TscOffset(const Napi::CallbackInfo& info);
  Napi::Value SetTscOffset(const Napi::CallbackInfo& info);
  Napi::Value Ioctl(const Napi::CallbackInfo& info);
  Napi::Value IoctlUnreadable(const Napi::CallbackInfo& info);
  Napi::Value MapPage(const Napi::CallbackInfo& info);

  View view_;

  friend class Handle<Vcpu, VcpuObject>;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_VCPU_H_
