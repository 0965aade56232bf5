// The classes the addon exports, and what one JavaScript environment (the main thread or a Worker) keeps of each.
#ifndef KVM_FAULTLAB_CLASSES_H_
#define KVM_FAULTLAB_CLASSES_H_

#include <napi.h>

#include <array>
#include <cstddef>
#include <memory>

namespace faultlab {

enum class ClassId : size_t { kKvm, kVm, kVcpu, kFile, kMapping, kEventFd, kUserfaultfd, kCount };

struct ClassSlot {
  Napi::FunctionReference constructor;
  // What the next object of this class wraps. Native code leaves it here and calls the constructor at once: JavaScript
  // has no way to pass a kernel object to a constructor, and so none to forge one.
  std::shared_ptr<void> pending;
};

// The instance data of one environment. Handles never touch it in their destructors: at the environment's end the order
// is not defined.
class ClassTable {
 public:
  static ClassTable& Of(Napi::Env env) { return *env.GetInstanceData<ClassTable>(); }
  ClassSlot& operator[](ClassId id) { return slots_[static_cast<size_t>(id)]; }

 private:
  std::array<ClassSlot, static_cast<size_t>(ClassId::kCount)> slots_;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_CLASSES_H_
