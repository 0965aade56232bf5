#include "file.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>

#include "arguments.h"
#include "retry.h"

namespace faultlab {

bool FileObject::ShrinkSealed() const {
  const int seals = fcntl(fd(), F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

void FileObject::RefreshGuarantee() {
  // Asked after the seal is on: from then on the size only grows.
  if (!ShrinkSealed()) return;
  struct stat status {};
  if (fstat(fd(), &status) == 0) guarantee_->NeverShorterThan(static_cast<uint64_t>(status.st_size));
}

Napi::Function File::Define(Napi::Env env) {
  return Handle::Define(env, {
                                 Static<&File::Memfd>("memfd"),
                                 Static<&File::Open>("open"),
                                 Static<&File::Adopt>("adopt"),
                                 Getter<&File::Fd>("fd"),
                                 Getter<&File::ShrinkSealed>("shrinkSealed"),
                                 Method<&File::SizeBytes>("sizeBytes"),
                                 Method<&File::Ftruncate>("ftruncate"),
                                 Method<&File::Fallocate>("fallocate"),
                                 Method<&File::AddSeals>("addSeals"),
                                 Method<&File::SetLease>("setLease"),
                                 Method<&File::GetLease>("getLease"),
                                 Method<&File::Pread>("pread"),
                                 Method<&File::Pwrite>("pwrite"),
                             });
}

Napi::Value File::Memfd(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "File.memfd");
  bool sealShrink = false;
  bool hugetlb = false;
  if (!IsAbsent(env, info[2])) {
    const Napi::Value seal = args.Property(info[2], "sealShrink");
    const Napi::Value huge = args.Property(info[2], "hugetlb");
    if (!IsAbsent(env, seal)) sealShrink = args.Boolean(seal, "sealShrink");
    if (!IsAbsent(env, huge)) hugetlb = args.Boolean(huge, "hugetlb");
  }
  const std::string name = args.String(info[0], "name");
  const uint64_t sizeBytes = args.Integer(info[1], "sizeBytes");
  if (args.failed()) return {};

  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (hugetlb ? MFD_HUGETLB : 0U);
  const CallResult created = Call([&] { return memfd_create(name.c_str(), flags); });
  if (!created.ok()) {
    return ThrowFailure(env, {family::kFile, "memfd_create", created.error},
                        "name " + name + (hugetlb ? "; hugetlb needs pages in /proc/sys/vm/nr_hugepages" : ""));
  }
  const auto file = std::make_shared<FileObject>(Descriptor(static_cast<int>(created.value)));
  if (hugetlb) file->guarantee()->MarkHuge();
  const CallResult sized = CallRetrying([&] { return ftruncate(file->fd(), static_cast<off_t>(sizeBytes)); });
  if (!sized.ok()) {
    return ThrowFailure(env, {family::kFile, "ftruncate", sized.error},
                        "a memfd of " + std::to_string(sizeBytes) + " bytes");
  }
  if (sealShrink) {
    const CallResult sealed = Call([&] { return fcntl(file->fd(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL); });
    if (!sealed.ok())
      return ThrowFailure(env, {family::kFile, "F_ADD_SEALS", sealed.error},
                          "F_SEAL_SHRINK | F_SEAL_SEAL on a new memfd");
    file->RefreshGuarantee();
  }
  return Wrap(env, file);
}

Napi::Value File::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "File.open");
  const std::string path = args.String(info[0], "path");
  const int flags = args.Int32(info[1], "flags");
  const uint64_t mode = IsAbsent(env, info[2]) ? 0 : args.Integer(info[2], "mode", 07777);
  if (args.failed()) return {};
  // O_NONBLOCK: the open of a FIFO would wait for its other end. On files it means nothing.
  const int allFlags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const CallResult opened = CallRetrying([&] { return open(path.c_str(), allFlags, static_cast<mode_t>(mode)); });
  if (!opened.ok()) return ThrowFailure(env, {family::kFile, "open", opened.error}, path);
  const auto file = std::make_shared<FileObject>(Descriptor(static_cast<int>(opened.value)));
  file->RefreshGuarantee();
  return Wrap(env, file);
}

Napi::Value File::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), object()->fd()); }

Napi::Value File::ShrinkSealed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), object()->ShrinkSealed());
}

Napi::Value File::SizeBytes(const Napi::CallbackInfo& info) {
  struct stat status {};
  const CallResult result = Call([&] { return fstat(object()->fd(), &status); });
  if (!result.ok()) return ThrowFailure(info.Env(), {family::kFile, "fstat", result.error}, "the size of a file");
  return Napi::Number::New(info.Env(), static_cast<double>(status.st_size));
}

Napi::Value File::Ftruncate(const Napi::CallbackInfo& info) {
  Arguments args(info, "File.ftruncate");
  const uint64_t sizeBytes = args.Integer(info[0], "sizeBytes");
  if (args.failed()) return {};
  const CallResult result = CallRetrying([&] { return ftruncate(object()->fd(), static_cast<off_t>(sizeBytes)); });
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kFile, "ftruncate", result.error},
                        "to " + std::to_string(sizeBytes) +
                            " bytes; a sealed memfd cannot shrink, and guest_memfd has a fixed size");
  }
  object()->RefreshGuarantee();
  return info.Env().Undefined();
}

Napi::Value File::Fallocate(const Napi::CallbackInfo& info) {
  Arguments args(info, "File.fallocate");
  const int mode = args.Int32(info[0], "mode");
  const uint64_t offset = args.Integer(info[1], "offset");
  const uint64_t lengthBytes = args.Integer(info[2], "lengthBytes");
  if (args.failed()) return {};
  const CallResult result = CallRetrying(
      [&] { return fallocate(object()->fd(), mode, static_cast<off_t>(offset), static_cast<off_t>(lengthBytes)); });
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kFile, "fallocate", result.error},
                        "mode " + std::to_string(mode) + ", " + std::to_string(lengthBytes) + " bytes at " +
                            std::to_string(offset));
  }
  object()->RefreshGuarantee();
  return info.Env().Undefined();
}

Napi::Value File::AddSeals(const Napi::CallbackInfo& info) {
  Arguments args(info, "File.addSeals");
  const int seals = args.Int32(info[0], "seals");
  if (args.failed()) return {};
  const CallResult result = Call([&] { return fcntl(object()->fd(), F_ADD_SEALS, seals); });
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kFile, "F_ADD_SEALS", result.error},
                        "seals " + std::to_string(seals) +
                            "; only a memfd without F_SEAL_SEAL takes any, and none against writing while mapped");
  }
  object()->RefreshGuarantee();
  return info.Env().Undefined();
}

Napi::Value File::SetLease(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "File.setLease");
  const int type = args.Int32(info[0], "type");
  if (!args.failed() && type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
    args.Reject("type", "must be F_RDLCK, F_WRLCK or F_UNLCK");
  if (args.failed()) return {};
  // SIGIO, which the kernel would send, ends a process that has no handler for it; SIGURG is ignored then.
  if (type != F_UNLCK) {
    const CallResult signal = Call([&] { return fcntl(object()->fd(), F_SETSIG, SIGURG); });
    if (!signal.ok()) return ThrowFailure(env, {family::kFile, "F_SETSIG", signal.error}, "SIGURG for a lease");
  }
  const CallResult result = Call([&] { return fcntl(object()->fd(), F_SETLEASE, type); });
  if (!result.ok()) {
    return ThrowFailure(env, {family::kFile, "F_SETLEASE", result.error},
                        "type " + std::to_string(type) +
                            "; a lease is for the owner of a regular file, and F_WRLCK only while nobody else has the "
                            "file open");
  }
  return env.Undefined();
}

Napi::Value File::GetLease(const Napi::CallbackInfo& info) {
  const CallResult result = Call([&] { return fcntl(object()->fd(), F_GETLEASE); });
  if (!result.ok()) return ThrowFailure(info.Env(), {family::kFile, "F_GETLEASE", result.error}, "the lease of a file");
  return Napi::Number::New(info.Env(), static_cast<double>(result.value));
}

Napi::Value File::Pread(const Napi::CallbackInfo& info) {
  Arguments args(info, "File.pread");
  const uint64_t fileOffset = args.Integer(info[1], "fileOffset");
  const Bytes into = args.Buffer(info[0], "into");
  if (args.failed()) return {};
  const CallResult result =
      CallRetrying([&] { return pread(object()->fd(), into.data, into.size, static_cast<off_t>(fileOffset)); });
  return Napi::Number::New(info.Env(), static_cast<double>(result.ok() ? result.value : -result.error));
}

Napi::Value File::Pwrite(const Napi::CallbackInfo& info) {
  Arguments args(info, "File.pwrite");
  const uint64_t fileOffset = args.Integer(info[1], "fileOffset");
  const Bytes from = args.Buffer(info[0], "from");
  if (args.failed()) return {};
  const CallResult result =
      CallRetrying([&] { return pwrite(object()->fd(), from.data, from.size, static_cast<off_t>(fileOffset)); });
  return Napi::Number::New(info.Env(), static_cast<double>(result.ok() ? result.value : -result.error));
}

}  // namespace faultlab
