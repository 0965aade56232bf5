#include "mapping.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "arguments.h"
#include "fault_signals.h"
#include "file.h"
#include "guarded_copy.h"
#include "memory_failure.h"
#include "retry.h"
#include "stamps.h"

namespace faultlab {
namespace {

constexpr int kHugeSizeMask = MAP_HUGE_MASK << MAP_HUGE_SHIFT;
// None of these places the mapping somewhere, or changes whose memory it is.
constexpr int kMapFlags = MAP_NORESERVE | MAP_POPULATE | MAP_LOCKED | MAP_NONBLOCK | MAP_HUGETLB | kHugeSizeMask;
constexpr int kProtMask = PROT_READ | PROT_WRITE | PROT_EXEC;
// Longest that a copy waits for pages that a userfaultfd has.
constexpr int64_t kLongestWaitNs = 10'000'000'000;
constexpr uint64_t kMaxMappingBytes = uint64_t{1} << 46;

// Addresses for memory that is unmapped before its users are gone. The kernel fills the address space from the top and
// grows the heap from the program up, the engine asks for addresses below 2^46: nobody comes here by himself. Each
// address is given out once.
constexpr uint64_t kApartStart = uint64_t{0x4800} << 32;
constexpr uint64_t kApartEnd = uint64_t{0x5000} << 32;

// Newer than the C library's headers.
constexpr int kMadvCold = 20;
constexpr int kMadvPageout = 21;
constexpr int kMadvPopulateRead = 22;
constexpr int kMadvPopulateWrite = 23;
constexpr int kMadvDontneedLocked = 24;
constexpr int kMadvCollapse = 25;

// True for advice after which every access still succeeds. Advice this list does not know may poison or guard pages.
bool IsHarmless(int advice) {
  constexpr int kHarmless[] = {
      MADV_NORMAL,     MADV_RANDOM,       MADV_SEQUENTIAL,    MADV_WILLNEED,       MADV_DONTNEED,    MADV_FREE,
      MADV_REMOVE,     MADV_DONTFORK,     MADV_DOFORK,        MADV_MERGEABLE,      MADV_UNMERGEABLE, MADV_HUGEPAGE,
      MADV_NOHUGEPAGE, MADV_DONTDUMP,     MADV_DODUMP,        MADV_WIPEONFORK,     MADV_KEEPONFORK,  kMadvCold,
      kMadvPageout,    kMadvPopulateRead, kMadvPopulateWrite, kMadvDontneedLocked, kMadvCollapse,
  };
  return std::find(std::begin(kHarmless), std::end(kHarmless), advice) != std::end(kHarmless);
}

int Prot(Arguments& args, napi_value value) {
  const uint64_t prot = args.Integer(value, "prot", kProtMask);
  return static_cast<int>(prot);
}

int MapFlags(Arguments& args, napi_env env, napi_value value) {
  if (IsAbsent(env, value)) return 0;
  const uint32_t flags = args.Uint32(value, "flags");
  if ((flags & ~static_cast<uint32_t>(kMapFlags)) != 0) {
    args.Reject("flags", "may be MAP_NORESERVE, MAP_POPULATE, MAP_LOCKED, MAP_NONBLOCK and MAP_HUGETLB with a size");
  }
  return static_cast<int>(flags);
}

Napi::Value ThrowHasViews(Napi::Env env, const char* what) {
  return ThrowCoded(
      env, "MAPPING_HAS_VIEWS",
      std::string(what) +
          ": JavaScript has an ArrayBuffer over this mapping (in this or another Worker) and would fault on it");
}

// One direction of a copy with the mapping on one side.
Napi::Value Copy(Napi::Env env, const MappedMemory& memory, uint64_t offset, void* to, const void* from,
                 size_t sizeBytes) {
  if (!ArmFaultSignals()) return ThrowGuardDisplaced(env);
  const CopyFault fault = GuardedCopy(to, from, sizeBytes, memory.registered() ? kLongestWaitNs : 0);
  if (fault.signal == 0) return env.Undefined();
  if (fault.signal == CopyFault::kLate) {
    return ThrowCoded(env, "MAPPING_TIMEOUT",
                      "nobody filled a missing page of the mapping for 10 s: it is registered with a userfaultfd");
  }
  const uint64_t at = fault.address - memory.hva();
  const uint64_t page = (FitsIn(memory.sizeBytes(), at, 1) ? at : offset) & ~(kPageSize - 1);
  const char* code = "MAPPING_SIGSEGV";
  const char* why = "it is protected, guarded or unmapped";
  if (fault.signal == SIGBUS && fault.code == BUS_MCEERR_AR) {
    code = "MAPPING_POISONED";
    why = "it is poisoned, and its contents are lost";
  } else if (fault.signal == SIGBUS) {
    code = "MAPPING_SIGBUS";
    why = "it is past the end of its file or missing under UFFD_FEATURE_SIGBUS (or poisoned, on a kernel without "
          "CONFIG_MEMORY_FAILURE)";
  }
  return ThrowCodedWith(env, code,
                        "the page at offset " + std::to_string(page) + " of the mapping cannot be accessed: " + why,
                        "offset", static_cast<double>(page));
}

}  // namespace

MappedRange PageRange(Arguments& args, const MappedMemory* memory, napi_value offset, napi_value lengthBytes) {
  MappedRange range;
  range.offset = args.PageAligned(offset, "offset");
  range.lengthBytes = args.PageAligned(lengthBytes, "lengthBytes");
  if (args.failed()) return range;
  if (range.lengthBytes == 0) args.Reject("lengthBytes", "must not be 0");
  if (!FitsIn(memory->sizeBytes(), range.offset, range.lengthBytes)) {
    args.Reject("offset",
                "and lengthBytes must stay within the mapping's " + std::to_string(memory->sizeBytes()) + " bytes");
  }
  return range;
}

Napi::Function Mapping::Define(Napi::Env env) {
  return Handle::Define(env, {
                                 Static<&Mapping::Anonymous>("anonymous"),
                                 Static<&Mapping::Apart>("apart"),
                                 Static<&Mapping::OfFile>("ofFile"),
                                 Static<&Mapping::Adopt>("adopt"),
                                 Getter<&Mapping::Hva>("hva"),
                                 Getter<&Mapping::SizeBytes>("sizeBytes"),
                                 Method<&Mapping::ViewAll>("view"),
                                 Method<&Mapping::Protect>("protect"),
                                 Method<&Mapping::Vacate>("vacate"),
                                 Method<&Mapping::Advise>("advise"),
                                 Method<&Mapping::MapFixed>("mapFixed"),
                                 Method<&Mapping::Read>("read"),
                                 Method<&Mapping::Write>("write"),
                                 Method<&Mapping::PreadFrom>("preadFrom"),
                             });
}

bool Mapping::BeforeClose(const Napi::CallbackInfo& info) {
  view_.Detach(info.Env());
  return true;
}

Napi::Value Mapping::Anonymous(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Mapping.anonymous");
  const uint64_t sizeBytes = args.Integer(info[0], "sizeBytes", kMaxMappingBytes, 1);
  const int prot = Prot(args, info[1]);
  const int flags = MapFlags(args, env, info[2]);
  if (!args.failed() && sizeBytes % kPageSize != 0) args.Reject("sizeBytes", "must be a multiple of 4096");
  if (args.failed()) return {};
  void* address = mmap(nullptr, sizeBytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  const int error = errno;
  if (address == MAP_FAILED) {
    return ThrowFailure(env, {family::kMapping, "mmap", error},
                        std::to_string(sizeBytes) + " bytes of anonymous memory");
  }
  const bool huge = (flags & MAP_HUGETLB) != 0;
  return Wrap(env, std::make_shared<MappedMemory>(address, sizeBytes, prot, huge, nullptr, 0));
}

Napi::Value Mapping::Apart(const Napi::CallbackInfo& info) {
  static std::atomic<uint64_t> next{kApartStart};
  const Napi::Env env = info.Env();
  Arguments args(info, "Mapping.apart");
  const uint64_t sizeBytes = args.Integer(info[0], "sizeBytes", kMaxMappingBytes, 1);
  const int prot = Prot(args, info[1]);
  if (!args.failed() && sizeBytes % kPageSize != 0) args.Reject("sizeBytes", "must be a multiple of 4096");
  if (!args.failed() && sizeBytes > kApartEnd - kApartStart) args.Reject("sizeBytes", "must be 8 TiB at most");
  if (args.failed()) return {};
  // A page between two of them, so that an access beyond one does not meet the next.
  const uint64_t at = next.fetch_add(sizeBytes + kPageSize, std::memory_order_relaxed);
  const bool fits = at < kApartEnd && sizeBytes <= kApartEnd - at;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address that nobody has yet
  void* wanted = reinterpret_cast<void*>(at);
  void* address =
      fits ? mmap(wanted, sizeBytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) : MAP_FAILED;
  const int error = fits ? errno : ENOMEM;
  if (address == MAP_FAILED) {
    return ThrowFailure(env, {family::kMapping, "mmap", error},
                        std::to_string(sizeBytes) + " bytes of anonymous memory apart from all other");
  }
  auto memory = std::make_shared<MappedMemory>(address, sizeBytes, prot, false, nullptr, 0);
  memory->MarkApart();
  return Wrap(env, std::move(memory));
}

Napi::Value Mapping::OfFile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Mapping.ofFile");
  const std::shared_ptr<FileObject> file = args.Object<File>(info[0], "file");
  const uint64_t fileOffset = args.PageAligned(info[1], "fileOffset");
  const uint64_t sizeBytes = args.Integer(info[2], "sizeBytes", kMaxMappingBytes, 1);
  const int prot = Prot(args, info[3]);
  const int flags = MapFlags(args, env, info[4]);
  if (!args.failed() && sizeBytes % kPageSize != 0) args.Reject("sizeBytes", "must be a multiple of 4096");
  if (args.failed()) return {};
  void* address = mmap(nullptr, sizeBytes, prot, MAP_SHARED | flags, file->fd(), static_cast<off_t>(fileOffset));
  const int error = errno;
  if (address == MAP_FAILED) {
    return ThrowFailure(env, {family::kMapping, "mmap", error},
                        std::to_string(sizeBytes) + " bytes of a file at " + std::to_string(fileOffset) +
                            " with prot " + std::to_string(prot));
  }
  file->RefreshGuarantee();
  const bool huge = (flags & MAP_HUGETLB) != 0;
  return Wrap(env, std::make_shared<MappedMemory>(address, sizeBytes, prot, huge, file->guarantee(), fileOffset));
}

Napi::Value Mapping::Hva(const Napi::CallbackInfo& info) { return Napi::BigInt::New(info.Env(), object()->hva()); }

Napi::Value Mapping::SizeBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(object()->sizeBytes()));
}

Napi::Value Mapping::ViewAll(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<MappedMemory> memory = object();
  std::shared_ptr<void> hold;
  if (!view_.made()) {
    std::string whyNot;
    if (!memory->AddView(&whyNot))
      return ThrowCoded(env, "MAPPING_NOT_VIEWABLE",
                        "this mapping cannot be seen by JavaScript: " + whyNot + "; use read() and write()");
    // The view counts until V8 lets go of the memory.
    hold = std::shared_ptr<void>(memory.get(), [memory](void*) { memory->DropView(); });
  }
  return view_.Get(env, memory->at(0), memory->sizeBytes(), std::move(hold));
}

Napi::Value Mapping::Protect(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Mapping.protect");
  const MappedRange range = PageRange(args, object().get(), info[0], info[1]);
  const int prot = Prot(args, info[2]);
  if (args.failed()) return {};
  if (!object()->AddRestriction()) return ThrowHasViews(env, "Mapping.protect");
  const CallResult result = Call([&] { return mprotect(object()->at(range.offset), range.lengthBytes, prot); });
  if (!result.ok()) {
    // Not taken back: a part of the range may have changed.
    return ThrowFailure(env, {family::kMapping, "mprotect", result.error},
                        std::to_string(range.lengthBytes) + " bytes at " + std::to_string(range.offset) + " to prot " +
                            std::to_string(prot));
  }
  return env.Undefined();
}

Napi::Value Mapping::Vacate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<MappedMemory> memory = object();
  if (!memory->apart()) {
    return ThrowCoded(env, "MAPPING_NOT_APART",
                      "Mapping.vacate: the addresses of this mapping would be given to somebody else, whose memory the "
                      "guest would then have; only a mapping made by Mapping.apart() can be vacated");
  }
  if (memory->registered()) {
    return ThrowCoded(env, "MAPPING_REGISTERED",
                      "Mapping.vacate: a userfaultfd has a part of this mapping; unregister it first");
  }
  if (memory->vacated()) return env.Undefined();
  if (!memory->AddRestriction()) return ThrowHasViews(env, "Mapping.vacate");
  if (munmap(memory->at(0), memory->sizeBytes()) != 0) {
    const int error = errno;
    return ThrowFailure(env, {family::kMapping, "munmap", error}, std::to_string(memory->sizeBytes()) + " bytes");
  }
  memory->Vacate();
  return env.Undefined();
}

Napi::Value Mapping::Advise(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Mapping.advise");
  const MappedRange range = PageRange(args, object().get(), info[0], info[1]);
  const int advice = args.Int32(info[2], "advice");
  if (args.failed()) return {};
  const bool harmless = IsHarmless(advice) && !object()->ofDriver();
  if (!harmless && !object()->AddRestriction()) return ThrowHasViews(env, "Mapping.advise");
  // MADV_HWPOISON raises SIGBUS in the thread that asked for it, from Linux 6.11 on.
  if (!harmless && !PrepareForMemoryFailure()) return ThrowGuardDisplaced(env);
  MemoryFailure expected;
  const CallResult result = WhileInterrupted([&] {
    return CallNotingMemoryFailure(&expected, SYS_madvise, static_cast<int64_t>(object()->hva() + range.offset),
                                   static_cast<int64_t>(range.lengthBytes), advice);
  });
  if (!result.ok()) {
    return ThrowFailure(env, {family::kMapping, "madvise", result.error},
                        "advice " + std::to_string(advice) + " for " + std::to_string(range.lengthBytes) +
                            " bytes at " + std::to_string(range.offset));
  }
  return env.Undefined();
}

Napi::Value Mapping::MapFixed(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments args(info, "Mapping.mapFixed");
  const std::shared_ptr<FileObject> file = args.Object<File>(info[0], "file");
  const uint64_t fileOffset = args.PageAligned(info[1], "fileOffset");
  const MappedRange range = PageRange(args, object().get(), info[2], info[3]);
  const int prot = Prot(args, info[4]);
  if (!args.failed() && object()->ofDriver()) args.Reject("mapping", "must not be of a driver's pages");
  if (args.failed()) return {};
  if (!object()->AddRestriction()) return ThrowHasViews(env, "Mapping.mapFixed");
  void* const at = object()->at(range.offset);
  // One system call takes the old pages away and puts the new ones there: no other thread meets a hole.
  const void* mapped =
      mmap(at, range.lengthBytes, prot, MAP_SHARED | MAP_FIXED, file->fd(), static_cast<off_t>(fileOffset));
  const int error = errno;
  if (mapped == MAP_FAILED) {
    // A late failure may have left nothing there, and the addresses are not to become somebody else's. Where the old
    // pages are still there, this fails.
    static_cast<void>(mmap(at, range.lengthBytes, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0));
    return ThrowFailure(env, {family::kMapping, "mmap", error},
                        std::to_string(range.lengthBytes) + " bytes of a file at " + std::to_string(fileOffset) +
                            " over those at " + std::to_string(range.offset) + " with prot " + std::to_string(prot));
  }
  return env.Undefined();
}

Napi::Value Mapping::Read(const Napi::CallbackInfo& info) {
  Arguments args(info, "Mapping.read");
  const uint64_t offset = args.Integer(info[0], "offset");
  const Bytes into = args.Buffer(info[1], "into");
  if (!args.failed() && !FitsIn(object()->sizeBytes(), offset, into.size))
    args.Reject("offset", "plus the length must stay within the mapping");
  if (args.failed()) return {};
  return Copy(info.Env(), *object(), offset, into.data, object()->at(offset), into.size);
}

Napi::Value Mapping::Write(const Napi::CallbackInfo& info) {
  Arguments args(info, "Mapping.write");
  const uint64_t offset = args.Integer(info[0], "offset");
  const Bytes from = args.Buffer(info[1], "from");
  if (!args.failed() && !FitsIn(object()->sizeBytes(), offset, from.size))
    args.Reject("offset", "plus the length must stay within the mapping");
  if (args.failed()) return {};
  return Copy(info.Env(), *object(), offset, object()->at(offset), from.data, from.size);
}

Napi::Value Mapping::PreadFrom(const Napi::CallbackInfo& info) {
  Arguments args(info, "Mapping.preadFrom");
  const std::shared_ptr<FileObject> file = args.Object<File>(info[0], "file");
  const uint64_t fileOffset = args.Integer(info[1], "fileOffset");
  const uint64_t offset = args.Integer(info[2], "offset");
  const uint64_t lengthBytes = args.Integer(info[3], "lengthBytes");
  if (!args.failed() && !FitsIn(object()->sizeBytes(), offset, lengthBytes))
    args.Reject("offset", "plus lengthBytes must stay within the mapping");
  if (args.failed()) return {};
  if (object()->registered()) {
    return ThrowCoded(info.Env(), "MAPPING_REGISTERED",
                      "Mapping.preadFrom: a userfaultfd has a part of this mapping, and the kernel would wait for its "
                      "pages without end; read into a second mapping of the memory, or use Userfaultfd.copy");
  }
  const auto page = static_cast<uint32_t>(offset / kPageSize);
  Stamp(StampKind::kFillBegin, page);
  const CallResult result = CallRetrying(
      [&] { return pread(file->fd(), object()->at(offset), lengthBytes, static_cast<off_t>(fileOffset)); });
  Stamp(StampKind::kFillEnd, page);
  return Napi::Number::New(info.Env(), static_cast<double>(result.ok() ? result.value : -result.error));
}

}  // namespace faultlab
