// A virtual machine.
#ifndef KVM_FAULTLAB_VM_H_
#define KVM_FAULTLAB_VM_H_

#include <napi.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "descriptor.h"
#include "file.h"
#include "handle.h"
#include "memory.h"

namespace faultlab {

// What must stay alive while a memory slot exists: were the memory unmapped, whatever the process maps at its address
// next would be the guest's to read and write.
struct SlotBacking {
  std::shared_ptr<MappedMemory> memory;
  std::shared_ptr<FileObject> guestMemfd;
  std::shared_ptr<MappedMemory> userfaultBitmap;
  // KVM may go on reading these: it does not look at a new address unless the slot's flags change as well.
  std::vector<std::shared_ptr<MappedMemory>> formerBitmaps;

  // Takes over what KVM may still have of the slot's backing before this one.
  void KeepBitmapsOf(const SlotBacking& former) {
    formerBitmaps = former.formerBitmaps;
    if (former.userfaultBitmap && former.userfaultBitmap != userfaultBitmap)
      formerBitmaps.push_back(former.userfaultBitmap);
  }
};

// Kept by its handles and by its vCPUs: memory slots must outlive the last vCPU that could run on them.
class VmObject : public SharedObject {
 public:
  // `vcpuMmapSizeBytes` is KVM_GET_VCPU_MMAP_SIZE, which only /dev/kvm tells.
  VmObject(Descriptor fd, size_t vcpuMmapSizeBytes) : vcpuMmapSizeBytes_(vcpuMmapSizeBytes), fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }
  size_t vcpuMmapSizeBytes() const { return vcpuMmapSizeBytes_; }

  // Sets a slot with `ioctl` and keeps its backing, or forgets it when `sizeBytes` is 0. One at a time, so that what is
  // kept is what the kernel has.
  template <class F>
  auto SetSlot(uint32_t slot, uint64_t sizeBytes, SlotBacking backing, F&& call) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto result = call();
    if (result.ok()) {
      if (sizeBytes == 0) {
        slots_.erase(slot);
      } else {
        const auto found = slots_.find(slot);
        if (found != slots_.end()) backing.KeepBitmapsOf(found->second);
        slots_[slot] = std::move(backing);
      }
    }
    return result;
  }

 private:
  std::mutex mutex_;
  std::map<uint32_t, SlotBacking> slots_;
  const size_t vcpuMmapSizeBytes_;
  const Descriptor fd_;  // closed before the slots' memory goes
};

class Vm : public Handle<Vm, VmObject> {
 public:
  static constexpr ClassId kClassId = ClassId::kVm;
  static constexpr napi_type_tag kTypeTag = {0xe81f0c6a4d9352b7, 0x3ab87e51f2c60d94};
  static constexpr const char* kName = "Vm";
  static constexpr const char* kMadeBy = "Kvm.createVm() or Vm.adopt()";

  explicit Vm(const Napi::CallbackInfo& info) : Handle(info) {}
  static std::shared_ptr<VmObject> Construct(const Napi::CallbackInfo& info) { return ThrowNotConstructible(info); }
  static Napi::Function Define(Napi::Env env);

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value CheckExtension(const Napi::CallbackInfo& info);
  Napi::Value CreateVcpu(const Napi::CallbackInfo& info);
  Napi::Value SetUserMemoryRegion(const Napi::CallbackInfo& info);
  Napi::Value SetUserMemoryRegion2(const Napi::CallbackInfo& info);
  Napi::Value CreateGuestMemfd(const Napi::CallbackInfo& info);
  Napi::Value SetMemoryAttributes(const Napi::CallbackInfo& info);
  Napi::Value EnableCap(const Napi::CallbackInfo& info);
  Napi::Value EnableSplitIrqchip(const Napi::CallbackInfo& info);
  Napi::Value SetTssAddr(const Napi::CallbackInfo& info);
  Napi::Value SetIdentityMapAddr(const Napi::CallbackInfo& info);
  Napi::Value SetMsrFilter(const Napi::CallbackInfo& info);
  Napi::Value SignalMsi(const Napi::CallbackInfo& info);
  Napi::Value Irqfd(const Napi::CallbackInfo& info);
  Napi::Value SetMsiRoutes(const Napi::CallbackInfo& info);
  Napi::Value Ioctl(const Napi::CallbackInfo& info);

  friend class Handle<Vm, VmObject>;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_VM_H_
