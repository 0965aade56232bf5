#include "stamps.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "arguments.h"
#include "clock.h"
#include "mapping.h"

namespace faultlab {
namespace {

constexpr uint32_t kFirstOfJavaScript = 64;

// The memory begins with this; records fill the rest.
struct Header {
  std::atomic<uint64_t> count;   // records written
  std::atomic<uint64_t> missed;  // records for which there was no room
  uint64_t reserved[6];
};
static_assert(sizeof(Header) == 64);

struct Record {
  uint64_t tsc;
  uint32_t kind;
  uint32_t argument;
};
static_assert(sizeof(Record) == 16);

// Where this thread's stamps go. Counted as a view: the memory cannot be made to fault meanwhile.
class Recorder {
 public:
  Recorder() = default;
  ~Recorder() { End(); }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  Recorder(Recorder&&) = delete;
  Recorder& operator=(Recorder&&) = delete;

  bool active() const { return header_ != nullptr; }

  // False with the reason where the memory may fault.
  bool Begin(std::shared_ptr<MappedMemory> memory, std::string* whyNot) {
    End();
    if (!memory->AddView(whyNot)) return false;
    header_ = reinterpret_cast<Header*>(memory->at(0));
    records_ = reinterpret_cast<Record*>(memory->at(sizeof(Header)));
    capacity_ = (memory->sizeBytes() - sizeof(Header)) / sizeof(Record);
    memory_ = std::move(memory);
    return true;
  }

  void End() {
    header_ = nullptr;
    if (memory_) memory_->DropView();
    memory_.reset();
  }

  // One writer; readers see whole records up to `count`.
  void Note(uint32_t kind, uint32_t argument) {
    const uint64_t at = header_->count.load(std::memory_order_relaxed);
    if (at >= capacity_) {
      header_->missed.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    records_[at] = {ReadTsc(), kind, argument};
    header_->count.store(at + 1, std::memory_order_release);
  }

 private:
  std::shared_ptr<MappedMemory> memory_;
  Header* header_ = nullptr;
  Record* records_ = nullptr;
  uint64_t capacity_ = 0;
};

thread_local Recorder recorder;

Napi::Value RecordStamps(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info[0].IsNull()) {
    recorder.End();
    return env.Undefined();
  }
  Arguments args(info, "recordStamps");
  std::shared_ptr<MappedMemory> memory = args.Object<Mapping>(info[0], "mapping");
  if (args.failed()) return {};
  std::string whyNot;
  if (!recorder.Begin(std::move(memory), &whyNot))
    return ThrowCoded(env, "MAPPING_NOT_VIEWABLE", "recordStamps: this mapping cannot hold stamps: " + whyNot);
  return env.Undefined();
}

Napi::Value StampNow(const Napi::CallbackInfo& info) {
  Arguments args(info, "stamp");
  const auto kind = static_cast<uint32_t>(args.Integer(info[0], "kind", UINT32_MAX, kFirstOfJavaScript));
  const uint32_t argument = args.Uint32(info[1], "argument");
  if (args.failed()) return {};
  if (recorder.active()) recorder.Note(kind, argument);
  return info.Env().Undefined();
}

// The shortest time between two readings in a row.
Napi::Value TimerFloor(const Napi::CallbackInfo& info) {
  constexpr int kTries = 1000;
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < kTries; i++) {
    const uint64_t before = ReadTsc();
    least = std::min(least, ReadTsc() - before);
  }
  return Napi::Number::New(info.Env(), static_cast<double>(least));
}

}  // namespace

void Stamp(StampKind kind, uint32_t argument) {
  if (recorder.active()) recorder.Note(static_cast<uint32_t>(kind), argument);
}

void DefineStampFunctions(Napi::Env env, Napi::Object exports) {
  exports.Set("recordStamps", Napi::Function::New<RecordStamps>(env, "recordStamps"));
  exports.Set("stamp", Napi::Function::New<StampNow>(env, "stamp"));
  exports.Set("timerFloor", Napi::Function::New<TimerFloor>(env, "timerFloor"));
}

}  // namespace faultlab
