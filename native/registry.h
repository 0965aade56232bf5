// Kernel objects of this process by number, so that a Worker can adopt what another opened.
#ifndef KVM_FAULTLAB_REGISTRY_H_
#define KVM_FAULTLAB_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace faultlab {

// Base of every shared kernel object: its number, never used again in this process.
class SharedObject {
 public:
  SharedObject() : id_(NextId()) {}
  SharedObject(const SharedObject&) = delete;
  SharedObject& operator=(const SharedObject&) = delete;
  SharedObject(SharedObject&&) = delete;
  SharedObject& operator=(SharedObject&&) = delete;

  uint64_t id() const { return id_; }

 protected:
  ~SharedObject() = default;

 private:
  static uint64_t NextId() {
    static std::atomic<uint64_t> next{1};
    return next.fetch_add(1, std::memory_order_relaxed);
  }

  const uint64_t id_;
};

// The objects of one class that have a handle open. An entry goes with its last handle, even where a memory slot or a
// view keeps the object itself alive.
template <class K>
class Registry {
 public:
  // Never destroyed: Workers may still run while the process's static objects are torn down.
  static Registry& Instance() {
    static Registry& instance = *new Registry;
    return instance;
  }

  // A handle opens on `object`.
  void Attach(const std::shared_ptr<K>& object) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Entry& entry = entries_[object->id()];
    if (entry.handles == 0) entry.object = object;
    entry.handles++;
    handles_++;
  }

  // A handle closes.
  void Detach(const K& object) {
    std::shared_ptr<K> last;  // destroyed after the lock is released: it closes descriptors and unmaps memory
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(object.id());
    if (found == entries_.end()) return;
    handles_--;
    if (--found->second.handles == 0) {
      last = std::move(found->second.object);
      entries_.erase(found);
    }
  }

  // The object with this number; null where no handle on it is open.
  std::shared_ptr<K> Find(uint64_t id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.object;
  }

  // All that have a handle open now.
  std::vector<std::shared_ptr<K>> All() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::shared_ptr<K>> objects;
    objects.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) objects.push_back(entry.object);
    return objects;
  }

  size_t handles() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return handles_;
  }

 private:
  struct Entry {
    std::shared_ptr<K> object;
    size_t handles = 0;
  };

  Registry() = default;

  std::mutex mutex_;
  std::unordered_map<uint64_t, Entry> entries_;
  size_t handles_ = 0;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_REGISTRY_H_
