#include "vm.h"

#include <fcntl.h>

#include <cstring>
#include <string>
#include <vector>

#include "arguments.h"
#include "eventfd.h"
#include "hex.h"
#include "ioctl.h"
#include "mapping.h"
#include "stamps.h"
#include "uapi/kvm.h"
#include "uapi/proposals.h"
#include "vcpu.h"

namespace faultlab {
namespace {

// What the two ways of setting a slot have in common.
struct SlotRequest {
  uint32_t slot = 0;
  uint32_t flags = 0;
  uint64_t gpa = 0;
  uint64_t sizeBytes = 0;
  uint64_t offset = 0;
  SlotBacking backing;

  uint64_t userspaceAddress() const { return backing.memory ? backing.memory->hva() + offset : 0; }

  void Read(Arguments& args, napi_value slotValue, napi_value flagsValue, napi_value gpaValue, napi_value sizeValue,
            napi_value mapping, napi_value offsetValue, napi_env env) {
    slot = args.Uint32(slotValue, "slot");
    flags = args.Uint32(flagsValue, "flags");
    gpa = args.BigUint64(gpaValue, "gpa");
    sizeBytes = args.PageAligned(sizeValue, "sizeBytes");
    offset = args.PageAligned(offsetValue, "offset");
    if (!args.failed() && gpa % kPageSize != 0) args.Reject("gpa", "must be a multiple of 4096");
    if (!args.failed() && !FitsIn(UINT64_MAX, gpa, sizeBytes))
      args.Reject("gpa", "plus sizeBytes must not pass 2 ** 64");
    napi_valuetype type = napi_undefined;
    if (mapping != nullptr) napi_typeof(env, mapping, &type);
    if (type == napi_null) {
      // Also with a guest_memfd: the slot would reach whatever this process has at address 0 and up.
      if (sizeBytes != 0) args.Reject("mapping", "must be a Mapping, unless sizeBytes is 0");
      return;
    }
    backing.memory = args.Object<Mapping>(mapping, "mapping");
    if (!args.failed() && !FitsIn(backing.memory->sizeBytes(), offset, sizeBytes)) {
      args.Reject("offset", "plus sizeBytes must stay within the mapping's " +
                                std::to_string(backing.memory->sizeBytes()) + " bytes");
    }
  }

  std::string Words() const {
    return "slot " + std::to_string(slot) + ", flags " + std::to_string(flags) + ", " + std::to_string(sizeBytes) +
           " bytes at gpa " + Hex(gpa) +
           "; EEXIST means that it overlaps another slot, EINVAL that an existing slot cannot change so or that a flag "
           "is not known";
  }
};

// Whole 64-bit words, as KVM reads them: a bit a page, or two next to each other (sync-async-2bit).
uint64_t UserfaultBitmapBytes(uint64_t pages, uint32_t flags) {
  const uint64_t pagesPerWord = (flags & uapi::kMemUserfaultAsync) == 0 ? 64 : 32;
  return (pages + pagesPerWord - 1) / pagesPerWord * 8;
}

}  // namespace

Napi::Function Vm::Define(Napi::Env env) {
  return Handle::Define(env, {
                                 Static<&Vm::Adopt>("adopt"),
                                 Getter<&Vm::Fd>("fd"),
                                 Method<&Vm::CheckExtension>("checkExtension"),
                                 Method<&Vm::CreateVcpu>("createVcpu"),
                                 Method<&Vm::SetUserMemoryRegion>("setUserMemoryRegion"),
                                 Method<&Vm::SetUserMemoryRegion2>("setUserMemoryRegion2"),
                                 Method<&Vm::CreateGuestMemfd>("createGuestMemfd"),
                                 Method<&Vm::SetMemoryAttributes>("setMemoryAttributes"),
                                 Method<&Vm::EnableCap>("enableCap"),
                                 Method<&Vm::EnableSplitIrqchip>("enableSplitIrqchip"),
                                 Method<&Vm::SetTssAddr>("setTssAddr"),
                                 Method<&Vm::SetIdentityMapAddr>("setIdentityMapAddr"),
                                 Method<&Vm::SetMsrFilter>("setMsrFilter"),
                                 Method<&Vm::SignalMsi>("signalMsi"),
                                 Method<&Vm::Irqfd>("irqfd"),
                                 Method<&Vm::SetMsiRoutes>("setMsiRoutes"),
                                 Method<&Vm::Ioctl>("ioctl"),
                             });
}

Napi::Value Vm::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), object()->fd()); }

Napi::Value Vm::CheckExtension(const Napi::CallbackInfo& info) {
  return faultlab::CheckExtension(info, "Vm.checkExtension", object()->fd());
}

Napi::Value Vm::CreateVcpu(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vm.createVcpu");
  const uint32_t id = args.Uint32(info[0], "id");
  if (args.failed()) return {};
  return Vcpu::Create(info.Env(), object(), id);
}

Napi::Value Vm::SetUserMemoryRegion(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Vm.setUserMemoryRegion");
  SlotRequest request;
  request.Read(args, info[0], info[1], info[2], info[3], info[4], info[5], env);
  if (args.failed()) return {};
  uapi::KvmUserspaceMemoryRegion region{request.slot, request.flags, request.gpa, request.sizeBytes,
                                        request.userspaceAddress()};
  const CallResult result = object()->SetSlot(request.slot, request.sizeBytes, request.backing, [&] {
    return faultlab::Ioctl(object()->fd(), uapi::kSetUserMemoryRegion, &region);
  });
  if (!result.ok())
    return ThrowFailure(env, {family::kKvm, "KVM_SET_USER_MEMORY_REGION", result.error}, request.Words());
  return env.Undefined();
}

Napi::Value Vm::SetUserMemoryRegion2(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // A getter of the argument may close this very handle.
  const std::shared_ptr<VmObject> vm = object();
  Arguments args(info, "Vm.setUserMemoryRegion2");
  const Napi::Value slot = args.Property(info[0], "slot");
  const Napi::Value flags = args.Property(info[0], "flags");
  const Napi::Value gpa = args.Property(info[0], "gpa");
  const Napi::Value sizeBytes = args.Property(info[0], "sizeBytes");
  const Napi::Value mapping = args.Property(info[0], "mapping");
  const Napi::Value offset = args.Property(info[0], "offset");
  const Napi::Value guestMemfd = args.Property(info[0], "guestMemfd");
  const Napi::Value guestMemfdOffset = args.Property(info[0], "guestMemfdOffset");
  const Napi::Value bitmap = args.Property(info[0], "userfaultBitmap");
  if (args.failed()) return {};

  SlotRequest request;
  request.Read(args, slot, flags, gpa, sizeBytes, mapping, offset, env);
  uapi::KvmUserspaceMemoryRegion2 region{};
  if (!IsAbsent(env, guestMemfd)) request.backing.guestMemfd = args.Object<File>(guestMemfd, "guestMemfd");
  if (!IsAbsent(env, guestMemfdOffset))
    region.guest_memfd_offset = args.PageAligned(guestMemfdOffset, "guestMemfdOffset");
  if (!IsAbsent(env, bitmap)) request.backing.userfaultBitmap = args.Object<Mapping>(bitmap, "userfaultBitmap");
  if (args.failed()) return {};
  if (const auto& held = request.backing.userfaultBitmap) {
    const uint64_t neededBytes = UserfaultBitmapBytes(request.sizeBytes / kPageSize, request.flags);
    if (held->sizeBytes() < neededBytes)
      args.Reject("userfaultBitmap", "must have the bits of each page: " + std::to_string(neededBytes) + " bytes");
    if (args.failed()) return {};
    region.userfault_bitmap = held->hva();
  }
  region.slot = request.slot;
  region.flags = request.flags;
  region.guest_phys_addr = request.gpa;
  region.memory_size = request.sizeBytes;
  region.userspace_addr = request.userspaceAddress();
  if (request.backing.guestMemfd) region.guest_memfd = static_cast<uint32_t>(request.backing.guestMemfd->fd());
  const CallResult result = vm->SetSlot(request.slot, request.sizeBytes, request.backing, [&] {
    return faultlab::Ioctl(vm->fd(), uapi::kSetUserMemoryRegion2, &region);
  });
  if (!result.ok())
    return ThrowFailure(env, {family::kKvm, "KVM_SET_USER_MEMORY_REGION2", result.error}, request.Words());
  return env.Undefined();
}

Napi::Value Vm::CreateGuestMemfd(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Vm.createGuestMemfd");
  const uint64_t sizeBytes = args.PageAligned(info[0], "sizeBytes");
  const uint64_t flags = args.Integer(info[1], "flags");
  if (args.failed()) return {};
  uapi::KvmCreateGuestMemfd argument{};
  argument.size = sizeBytes;
  argument.flags = flags;
  const CallResult created = faultlab::Ioctl(object()->fd(), uapi::kCreateGuestMemfd, &argument);
  if (!created.ok()) {
    return ThrowFailure(env, {family::kKvm, "KVM_CREATE_GUEST_MEMFD", created.error},
                        std::to_string(sizeBytes) + " bytes with flags " + std::to_string(flags) +
                            "; needs KVM_CAP_GUEST_MEMFD, and KVM_CAP_GUEST_MEMFD_FLAGS tells which flags there are");
  }
  const auto file = std::make_shared<FileObject>(Descriptor(static_cast<int>(created.value)));
  // KVM does not open it so, and a child process must not keep the guest's memory.
  fcntl(file->fd(), F_SETFD, FD_CLOEXEC);
  return File::Wrap(env, file);
}

Napi::Value Vm::SetMemoryAttributes(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vm.setMemoryAttributes");
  uapi::KvmMemoryAttributes argument{};
  argument.address = args.BigUint64(info[0], "gpa");
  argument.size = args.PageAligned(info[1], "sizeBytes");
  argument.attributes = args.Integer(info[2], "attributes");
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kSetMemoryAttributes, &argument);
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_SET_MEMORY_ATTRIBUTES", result.error},
                        "attributes " + Hex(argument.attributes) + " for " + std::to_string(argument.size) +
                            " bytes at gpa " + Hex(argument.address) +
                            "; KVM_CAP_MEMORY_ATTRIBUTES tells which this VM has, and only whole pages have any");
  }
  return info.Env().Undefined();
}

Napi::Value Vm::EnableCap(const Napi::CallbackInfo& info) {
  return faultlab::EnableCap(info, "Vm.enableCap", std::shared_ptr<VmObject>(object())->fd());
}

Napi::Value Vm::EnableSplitIrqchip(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vm.enableSplitIrqchip");
  const uint64_t ioapicPins = args.Integer(info[0], "ioapicPins", uapi::kMaxIrqRoutes);
  if (args.failed()) return {};
  const CallResult result = faultlab::EnableCap(object()->fd(), uapi::kCapSplitIrqchip, 0, {ioapicPins});
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_ENABLE_CAP", result.error},
                        "KVM_CAP_SPLIT_IRQCHIP with " + std::to_string(ioapicPins) +
                            " pins; it must come before the first vCPU");
  }
  return info.Env().Undefined();
}

Napi::Value Vm::SetTssAddr(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vm.setTssAddr");
  const uint32_t gpa = args.Uint32(info[0], "gpa");
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kSetTssAddr, static_cast<unsigned long>(gpa));
  if (!result.ok())
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_SET_TSS_ADDR", result.error}, "three pages at gpa " + Hex(gpa));
  return info.Env().Undefined();
}

Napi::Value Vm::SetIdentityMapAddr(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vm.setIdentityMapAddr");
  uint64_t gpa = args.BigUint64(info[0], "gpa");
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kSetIdentityMapAddr, &gpa);
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_SET_IDENTITY_MAP_ADDR", result.error},
                        "a page at gpa " + Hex(gpa) + "; it must come before the first vCPU");
  }
  return info.Env().Undefined();
}

Napi::Value Vm::SetMsrFilter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<VmObject> vm = object();
  Arguments args(info, "Vm.setMsrFilter");
  struct RangeValues {
    Napi::Value flags, base, count, bitmap;
  };
  std::vector<RangeValues> ranges;
  for (const Napi::Value& element : args.Elements(info[1], "ranges", uapi::kMsrFilterMaxRanges)) {
    ranges.push_back({args.Property(element, "flags"), args.Property(element, "base"), args.Property(element, "count"),
                      args.Property(element, "bitmap")});
  }
  uapi::KvmMsrFilter filter{};
  filter.flags = args.Uint32(info[0], "flags");
  for (size_t i = 0; i < ranges.size() && !args.failed(); i++) {
    uapi::KvmMsrFilterRange& range = filter.ranges[i];
    range.flags = args.Uint32(ranges[i].flags, "flags of a range");
    range.base = args.Uint32(ranges[i].base, "base");
    range.nmsrs = static_cast<uint32_t>(args.Integer(ranges[i].count, "count", uapi::kMsrFilterMaxBitmapBytes * 8, 1));
    range.bitmap =
        reinterpret_cast<uint64_t>(args.Buffer(ranges[i].bitmap, "bitmap", (size_t{range.nmsrs} + 7) / 8).data);
  }
  if (args.failed()) return {};
  const CallResult result = faultlab::Ioctl(vm->fd(), uapi::kX86SetMsrFilter, &filter);
  if (!result.ok()) {
    return ThrowFailure(env, {family::kKvm, "KVM_X86_SET_MSR_FILTER", result.error},
                        std::to_string(ranges.size()) + " ranges; needs KVM_CAP_X86_MSR_FILTER");
  }
  return env.Undefined();
}

Napi::Value Vm::SignalMsi(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vm.signalMsi");
  uapi::KvmMsi msi{};
  msi.address_lo = args.Uint32(info[0], "addressLow");
  msi.address_hi = args.Uint32(info[1], "addressHigh");
  msi.data = args.Uint32(info[2], "data");
  if (args.failed()) return {};
  Stamp(StampKind::kSignalBegin, msi.data);
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kSignalMsi, &msi);
  Stamp(StampKind::kSignalEnd, msi.data);
  return Napi::Number::New(info.Env(), static_cast<double>(result.ok() ? result.value : -result.error));
}

Napi::Value Vm::Irqfd(const Napi::CallbackInfo& info) {
  Arguments args(info, "Vm.irqfd");
  const std::shared_ptr<EventFdObject> event = args.Object<EventFd>(info[0], "event");
  uapi::KvmIrqfd irqfd{};
  irqfd.gsi = args.Uint32(info[1], "gsi");
  irqfd.flags = args.Uint32(info[2], "flags");
  if (args.failed()) return {};
  irqfd.fd = static_cast<uint32_t>(event->fd());
  const CallResult result = faultlab::Ioctl(object()->fd(), uapi::kIrqfd, &irqfd);
  if (!result.ok()) {
    return ThrowFailure(info.Env(), {family::kKvm, "KVM_IRQFD", result.error},
                        "gsi " + std::to_string(irqfd.gsi) + "; needs an in-kernel irqchip (split or full)");
  }
  return info.Env().Undefined();
}

Napi::Value Vm::SetMsiRoutes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<VmObject> vm = object();
  Arguments args(info, "Vm.setMsiRoutes");
  std::vector<uapi::KvmIrqRoutingEntry> entries;
  for (const Napi::Value& element : args.Elements(info[0], "routes", uapi::kMaxIrqRoutes)) {
    uapi::KvmIrqRoutingEntry entry{};
    entry.gsi = static_cast<uint32_t>(args.Integer(args.Property(element, "gsi"), "gsi", uapi::kMaxIrqRoutes - 1));
    entry.type = uapi::kIrqRoutingMsi;
    entry.msi.address_lo = args.Uint32(args.Property(element, "addressLow"), "addressLow");
    entry.msi.address_hi = args.Uint32(args.Property(element, "addressHigh"), "addressHigh");
    entry.msi.data = args.Uint32(args.Property(element, "data"), "data");
    entries.push_back(entry);
  }
  if (args.failed()) return {};
  const uapi::KvmIrqRouting head{static_cast<uint32_t>(entries.size()), 0};
  std::vector<uint8_t> argument(sizeof(head) + entries.size() * sizeof(uapi::KvmIrqRoutingEntry));
  memcpy(argument.data(), &head, sizeof(head));
  if (!entries.empty())
    memcpy(argument.data() + sizeof(head), entries.data(), entries.size() * sizeof(uapi::KvmIrqRoutingEntry));
  const CallResult result = faultlab::Ioctl(vm->fd(), uapi::kSetGsiRouting, argument.data());
  if (!result.ok()) {
    return ThrowFailure(env, {family::kKvm, "KVM_SET_GSI_ROUTING", result.error},
                        std::to_string(entries.size()) + " MSI routes; needs an in-kernel irqchip (split or full)");
  }
  return env.Undefined();
}

Napi::Value Vm::Ioctl(const Napi::CallbackInfo& info) { return RawIoctl(info, "Vm.ioctl", object()->fd(), 0, ""); }

}  // namespace faultlab
