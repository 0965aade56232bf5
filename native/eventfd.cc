#include "eventfd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <string>

#include "arguments.h"
#include "clock.h"
#include "poll.h"
#include "retry.h"

namespace faultlab {

std::shared_ptr<EventFdObject> EventFd::Construct(const Napi::CallbackInfo& info) {
  const CallResult created = Call([] { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); });
  if (!created.ok()) {
    ThrowFailure(info.Env(), {family::kEventFd, "eventfd", created.error}, "a new event counter");
    return nullptr;
  }
  return std::make_shared<EventFdObject>(Descriptor(static_cast<int>(created.value)));
}

Napi::Function EventFd::Define(Napi::Env env) {
  return Handle::Define(env, {
                                 Static<&EventFd::Adopt>("adopt"),
                                 Getter<&EventFd::Fd>("fd"),
                                 Method<&EventFd::Signal>("signal"),
                                 Method<&EventFd::Wait>("wait"),
                             });
}

Napi::Value EventFd::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), object()->fd()); }

Napi::Value EventFd::Signal(const Napi::CallbackInfo& info) {
  Arguments args(info, "EventFd.signal");
  const uint64_t count =
      IsAbsent(info.Env(), info[0]) ? 1 : args.Integer(info[0], "count", Arguments::kMaxSafeInteger, 1);
  if (args.failed()) return {};
  const CallResult written = Call([&] { return write(object()->fd(), &count, sizeof(count)); });
  if (!written.ok()) {
    return ThrowFailure(info.Env(), {family::kEventFd, "write", written.error},
                        "adding " + std::to_string(count) + " to an event counter; EAGAIN means that it is full");
  }
  return info.Env().Undefined();
}

Napi::Value EventFd::Wait(const Napi::CallbackInfo& info) {
  Arguments args(info, "EventFd.wait");
  const int64_t timeoutNs = args.TimeoutNs(info[0], "timeoutNs");
  if (args.failed()) return {};
  const int64_t deadline = MonotonicNs() + timeoutNs;
  int64_t left = timeoutNs;
  // Another Worker may take the count between the poll and the read: then the wait goes on.
  while (true) {
    uint64_t count = 0;
    const CallResult taken = Call([&] { return read(object()->fd(), &count, sizeof(count)); });
    if (taken.ok()) return Napi::Number::New(info.Env(), static_cast<double>(count));
    if (taken.error != EAGAIN)
      return ThrowFailure(info.Env(), {family::kEventFd, "read", taken.error}, "the count of an event counter");
    if (left <= 0) return Napi::Number::New(info.Env(), 0);
    const Polled polled = PollFor(object()->fd(), -1, left);
    if (polled.error != 0) {
      return ThrowFailure(info.Env(), {family::kEventFd, "ppoll", polled.error}, "waiting for an event counter");
    }
    left = polled.first ? deadline - MonotonicNs() : 0;
  }
}

}  // namespace faultlab
