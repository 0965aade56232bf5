#include "userfaultfd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "arguments.h"
#include "eventfd.h"
#include "hex.h"
#include "mapping.h"
#include "poll.h"
#include "retry.h"
#include "stamps.h"
#include "uapi/userfaultfd.h"

namespace faultlab {
namespace {

constexpr const char* kDevice = "/dev/userfaultfd";
constexpr size_t kMaxMessages = 256;

// The system call, or the device where the call is refused: vm.unprivileged_userfaultfd guards only the former.
CallResult OpenUserfaultfd(bool userModeOnly) {
  const int flags = O_CLOEXEC | O_NONBLOCK;
  CallResult result =
      Call([&] { return syscall(SYS_userfaultfd, flags | (userModeOnly ? uapi::kUffdUserModeOnly : 0)); });
  // The device gives descriptors for kernel faults as well, so it is no answer to "user mode only".
  if (result.ok() || userModeOnly || (result.error != EPERM && result.error != ENOSYS)) return result;
  const Descriptor device(static_cast<int>(CallRetrying([] { return open(kDevice, O_RDWR | O_CLOEXEC); }).value));
  if (!device.valid()) return result;
  const CallResult made = Call([&] { return ioctl(device.get(), uapi::kUserfaultfdIocNew, flags); });
  return made.ok() ? made : result;
}

// The feature bits this kernel has, asked of a descriptor of its own: a failed handshake does not tell.
uint64_t OfferedFeatures(bool userModeOnly) {
  const Descriptor probe(static_cast<int>(OpenUserfaultfd(userModeOnly).value));
  if (!probe.valid()) return 0;
  uapi::UffdioApi api{uapi::kUffdApi, 0, 0};
  return ioctl(probe.get(), uapi::kUffdioApi, &api) == 0 ? api.features : 0;
}

uapi::UffdioRange RangeOf(const MappedMemory& memory, const MappedRange& range) {
  return {memory.hva() + range.offset, range.lengthBytes};
}

// The arguments that most requests have: mapping, offset, lengthBytes, mode.
struct Request {
  std::shared_ptr<MappedMemory> memory;
  MappedRange range;
  uint64_t mode = 0;

  Request(Arguments& args, const Napi::CallbackInfo& info, bool hasMode)
      : memory(args.Object<Mapping>(info[0], "mapping")) {
    if (args.failed()) return;
    range = PageRange(args, memory.get(), info[1], info[2]);
    if (hasMode) mode = args.Integer(info[3], "mode");
  }
};

Napi::Value Number(Napi::Env env, int64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

// A request that reports how far it came: bytes, also where it stopped early; else a negative errno.
Napi::Value Progress(Napi::Env env, const CallResult& result, int64_t doneBytes) {
  if (doneBytes > 0) return Number(env, doneBytes);
  return Number(env, result.ok() ? doneBytes : -result.error);
}

}  // namespace

void UserfaultfdObject::Hold(const std::shared_ptr<MappedMemory>& memory, uint64_t start, uint64_t end) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Held& held = held_[memory->id()];
  if (!held.memory) memory->AddRegistration();
  held.memory = memory;
  held.ranges.Add(start, end);
}

void UserfaultfdObject::Release(const std::shared_ptr<MappedMemory>& memory, uint64_t start, uint64_t end) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = held_.find(memory->id());
  if (found == held_.end()) return;
  found->second.ranges.Remove(start, end);
  if (!found->second.ranges.empty()) return;
  memory->DropRegistration();
  held_.erase(found);
}

UserfaultfdObject::~UserfaultfdObject() {
  fd_.Reset();  // ends the registrations, and only then may the memory go
  for (const auto& [id, held] : held_) held.memory->DropRegistration();
}

void UserfaultfdObject::UnregisterAll() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [id, held] : held_) {
    for (const auto& [start, end] : held.ranges.ranges()) {
      uapi::UffdioRange range{start, end - start};
      ioctl(fd_.get(), uapi::kUffdioUnregister, &range);
    }
    held.memory->DropRegistration();
  }
  held_.clear();
}

std::shared_ptr<UserfaultfdObject> Userfaultfd::Construct(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "new Userfaultfd");
  const uint64_t features = args.BigUint64(info[0], "features");
  const bool userModeOnly = IsAbsent(env, info[1]) ? false : args.Boolean(info[1], "userModeOnly");
  if (args.failed()) return nullptr;

  const CallResult opened = OpenUserfaultfd(userModeOnly);
  if (!opened.ok()) {
    ThrowFailure(env, {family::kUffd, "userfaultfd", opened.error},
                 "a descriptor for faults of user space and kernel; be root, have CAP_SYS_PTRACE, set "
                 "vm.unprivileged_userfaultfd to 1, or get "
                 "access to /dev/userfaultfd");
    return nullptr;
  }
  Descriptor fd(static_cast<int>(opened.value));
  uapi::UffdioApi api{uapi::kUffdApi, features, 0};
  const CallResult shaken = Call([&] { return ioctl(fd.get(), uapi::kUffdioApi, &api); });
  if (!shaken.ok()) {
    const uint64_t offered = OfferedFeatures(userModeOnly);
    ThrowFailure(env, {family::kUffd, "UFFDIO_API", shaken.error},
                 "features " + Hex(features) + " asked for, this kernel has " + Hex(offered) + ", missing " +
                     Hex(features & ~offered));
    return nullptr;
  }
  return std::make_shared<UserfaultfdObject>(std::move(fd), api.features);
}

Napi::Function Userfaultfd::Define(Napi::Env env) {
  return Handle::Define(env, {
                                 Static<&Userfaultfd::Adopt>("adopt"),
                                 Getter<&Userfaultfd::Fd>("fd"),
                                 Getter<&Userfaultfd::Features>("features"),
                                 Method<&Userfaultfd::Register>("register"),
                                 Method<&Userfaultfd::Unregister>("unregister"),
                                 Method<&Userfaultfd::Copy>("copy"),
                                 Method<&Userfaultfd::Continue>("continue"),
                                 Method<&Userfaultfd::Zeropage>("zeropage"),
                                 Method<&Userfaultfd::Poison>("poison"),
                                 Method<&Userfaultfd::WriteProtect>("writeProtect"),
                                 Method<&Userfaultfd::Wake>("wake"),
                                 Method<&Userfaultfd::Read>("read"),
                             });
}

Napi::Value Userfaultfd::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), object()->fd()); }

Napi::Value Userfaultfd::Features(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), object()->features());
}

Napi::Value Userfaultfd::Register(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Userfaultfd.register");
  const Request request(args, info, true);
  if (args.failed()) return {};
  if (!request.memory->AddRestriction()) {
    return ThrowCoded(env, "MAPPING_HAS_VIEWS",
                      "Userfaultfd.register: JavaScript has an ArrayBuffer over this mapping (in this or another "
                      "Worker) and would wait on itself: "
                      "map the memory a second time for the view");
  }
  uapi::UffdioRegister argument{RangeOf(*request.memory, request.range), request.mode, 0};
  const CallResult result = Call([&] { return ioctl(object()->fd(), uapi::kUffdioRegister, &argument); });
  if (!result.ok()) {
    request.memory->DropRestriction();
    return ThrowFailure(
        env, {family::kUffd, "UFFDIO_REGISTER", result.error},
        std::to_string(request.range.lengthBytes) + " bytes at " + std::to_string(request.range.offset) + ", mode " +
            std::to_string(request.mode) +
            "; EBUSY means another userfaultfd has the range, EINVAL that this backing or kernel lacks the mode");
  }
  object()->Hold(request.memory, argument.range.start, argument.range.start + argument.range.len);
  return Napi::BigInt::New(env, argument.ioctls);
}

Napi::Value Userfaultfd::Unregister(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Userfaultfd.unregister");
  const Request request(args, info, false);
  if (args.failed()) return {};
  uapi::UffdioRange range = RangeOf(*request.memory, request.range);
  const CallResult result = Call([&] { return ioctl(object()->fd(), uapi::kUffdioUnregister, &range); });
  if (!result.ok()) {
    return ThrowFailure(env, {family::kUffd, "UFFDIO_UNREGISTER", result.error},
                        std::to_string(range.len) + " bytes at " + std::to_string(request.range.offset));
  }
  object()->Release(request.memory, range.start, range.start + range.len);
  return env.Undefined();
}

Napi::Value Userfaultfd::Copy(const Napi::CallbackInfo& info) {
  Arguments args(info, "Userfaultfd.copy");
  const std::shared_ptr<MappedMemory> memory = args.Object<Mapping>(info[0], "mapping");
  const uint64_t offset = args.PageAligned(info[1], "offset");
  const uint64_t mode = args.Integer(info[3], "mode");
  const Bytes from = args.Buffer(info[2], "from", kPageSize);
  if (!args.failed() && from.size % kPageSize != 0) args.Reject("from", "must be whole pages");
  if (!args.failed() && !FitsIn(memory->sizeBytes(), offset, from.size))
    args.Reject("offset", "plus the length must stay within the mapping");
  if (args.failed()) return {};
  uapi::UffdioCopy argument{memory->hva() + offset, reinterpret_cast<uint64_t>(from.data), from.size, mode, 0};
  const CallResult result = Call([&] { return ioctl(object()->fd(), uapi::kUffdioCopy, &argument); });
  return Progress(info.Env(), result, argument.copy);
}

Napi::Value Userfaultfd::Continue(const Napi::CallbackInfo& info) {
  Arguments args(info, "Userfaultfd.continue");
  const Request request(args, info, true);
  if (args.failed()) return {};
  uapi::UffdioContinue argument{RangeOf(*request.memory, request.range), request.mode, 0};
  const auto page = static_cast<uint32_t>(request.range.offset / kPageSize);
  Stamp(StampKind::kMapBegin, page);
  const CallResult result = Call([&] { return ioctl(object()->fd(), uapi::kUffdioContinue, &argument); });
  Stamp(StampKind::kMapEnd, page);
  return Progress(info.Env(), result, argument.mapped);
}

Napi::Value Userfaultfd::Zeropage(const Napi::CallbackInfo& info) {
  Arguments args(info, "Userfaultfd.zeropage");
  const Request request(args, info, true);
  if (args.failed()) return {};
  uapi::UffdioZeropage argument{RangeOf(*request.memory, request.range), request.mode, 0};
  const CallResult result = Call([&] { return ioctl(object()->fd(), uapi::kUffdioZeropage, &argument); });
  return Progress(info.Env(), result, argument.zeropage);
}

Napi::Value Userfaultfd::Poison(const Napi::CallbackInfo& info) {
  Arguments args(info, "Userfaultfd.poison");
  const Request request(args, info, true);
  if (args.failed()) return {};
  uapi::UffdioPoison argument{RangeOf(*request.memory, request.range), request.mode, 0};
  const CallResult result = Call([&] { return ioctl(object()->fd(), uapi::kUffdioPoison, &argument); });
  return Progress(info.Env(), result, argument.updated);
}

Napi::Value Userfaultfd::WriteProtect(const Napi::CallbackInfo& info) {
  Arguments args(info, "Userfaultfd.writeProtect");
  const Request request(args, info, true);
  if (args.failed()) return {};
  uapi::UffdioWriteprotect argument{RangeOf(*request.memory, request.range), request.mode};
  const CallResult result = Call([&] { return ioctl(object()->fd(), uapi::kUffdioWriteprotect, &argument); });
  return Number(info.Env(), result.ok() ? static_cast<int64_t>(request.range.lengthBytes) : -result.error);
}

Napi::Value Userfaultfd::Wake(const Napi::CallbackInfo& info) {
  Arguments args(info, "Userfaultfd.wake");
  const Request request(args, info, false);
  if (args.failed()) return {};
  uapi::UffdioRange range = RangeOf(*request.memory, request.range);
  const CallResult result = Call([&] { return ioctl(object()->fd(), uapi::kUffdioWake, &range); });
  return Number(info.Env(), result.ok() ? 0 : -result.error);
}

Napi::Value Userfaultfd::Read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Userfaultfd.read");
  const int64_t timeoutNs = args.TimeoutNs(info[1], "timeoutNs");
  const std::shared_ptr<EventFdObject> wake = IsAbsent(env, info[2]) ? nullptr : args.Object<EventFd>(info[2], "wake");
  const Bytes events = args.Buffer(info[0], "events", sizeof(uapi::UffdMsg));
  if (args.failed()) return {};

  const Polled polled = PollFor(object()->fd(), wake ? wake->fd() : -1, timeoutNs);
  if (polled.error != 0) return Number(env, -polled.error);
  if (!polled.first) return Number(env, 0);
  const size_t messages = std::min(events.size / sizeof(uapi::UffdMsg), kMaxMessages);
  const CallResult result =
      CallRetrying([&] { return read(object()->fd(), events.data, messages * sizeof(uapi::UffdMsg)); });
  if (result.ok()) {
    const long count = result.value / static_cast<long>(sizeof(uapi::UffdMsg));
    Stamp(StampKind::kMessages, static_cast<uint32_t>(count));
    return Number(env, count);
  }
  // Another reader was quicker, or the waiter went away.
  return Number(env, result.error == EAGAIN ? 0 : -result.error);
}

}  // namespace faultlab
