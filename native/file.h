// Files: memfd, regular file, guest_memfd.
#ifndef KVM_FAULTLAB_FILE_H_
#define KVM_FAULTLAB_FILE_H_

#include <napi.h>

#include <memory>
#include <utility>

#include "descriptor.h"
#include "handle.h"
#include "memory.h"

namespace faultlab {

class FileObject : public SharedObject {
 public:
  explicit FileObject(Descriptor fd) : fd_(std::move(fd)), guarantee_(std::make_shared<FileGuarantee>()) {}

  int fd() const { return fd_.get(); }
  const std::shared_ptr<FileGuarantee>& guarantee() const { return guarantee_; }
  bool ShrinkSealed() const;
  // Tells those who map the file how short it can get. To be called after anything that sizes or seals it.
  void RefreshGuarantee();

 private:
  const Descriptor fd_;
  const std::shared_ptr<FileGuarantee> guarantee_;
};

class File : public Handle<File, FileObject> {
 public:
  static constexpr ClassId kClassId = ClassId::kFile;
  static constexpr napi_type_tag kTypeTag = {0x2f6d41c7a5b84e03, 0x9e17c0d2b3f46a81};
  static constexpr const char* kName = "File";
  static constexpr const char* kMadeBy = "File.memfd(), File.open(), File.adopt() or Vm.createGuestMemfd()";

  explicit File(const Napi::CallbackInfo& info) : Handle(info) {}
  static std::shared_ptr<FileObject> Construct(const Napi::CallbackInfo& info) { return ThrowNotConstructible(info); }
  static Napi::Function Define(Napi::Env env);

 private:
  static Napi::Value Memfd(const Napi::CallbackInfo& info);
  static Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value ShrinkSealed(const Napi::CallbackInfo& info);
  Napi::Value SizeBytes(const Napi::CallbackInfo& info);
  Napi::Value Ftruncate(const Napi::CallbackInfo& info);
  Napi::Value Fallocate(const Napi::CallbackInfo& info);
  Napi::Value AddSeals(const Napi::CallbackInfo& info);
  Napi::Value SetLease(const Napi::CallbackInfo& info);
  Napi::Value GetLease(const Napi::CallbackInfo& info);
  Napi::Value Pread(const Napi::CallbackInfo& info);
  Napi::Value Pwrite(const Napi::CallbackInfo& info);

  friend class Handle<File, FileObject>;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_FILE_H_
