// Memory mapped into this process, and when JavaScript may see it.
#ifndef KVM_FAULTLAB_MEMORY_H_
#define KVM_FAULTLAB_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "registry.h"

namespace faultlab {

// What is known of a file's size by all who map it.
class FileGuarantee {
 public:
  // From now on the file is never shorter than this.
  void NeverShorterThan(uint64_t sizeBytes);
  uint64_t sizeBytes() const { return sizeBytes_.load(std::memory_order_acquire); }
  // Huge pages come from a pool that may be empty at the access: such a file is never seen by JavaScript.
  void MarkHuge() { huge_.store(true, std::memory_order_release); }
  bool huge() const { return huge_.load(std::memory_order_acquire); }

 private:
  std::atomic<uint64_t> sizeBytes_{0};
  std::atomic<bool> huge_{false};
};

class MappedMemory : public SharedObject {
 public:
  // Takes over [address, address + sizeBytes). `guarantee` is null for anonymous memory.
  MappedMemory(void* address, size_t sizeBytes, int prot, bool huge, std::shared_ptr<const FileGuarantee> guarantee,
               uint64_t fileOffset);
  ~MappedMemory();
  MappedMemory(const MappedMemory&) = delete;
  MappedMemory& operator=(const MappedMemory&) = delete;
  MappedMemory(MappedMemory&&) = delete;
  MappedMemory& operator=(MappedMemory&&) = delete;

  uint8_t* at(uint64_t offset) const { return address_ + offset; }
  uint64_t hva() const { return reinterpret_cast<uint64_t>(address_); }
  size_t sizeBytes() const { return sizeBytes_; }

  // JavaScript views and what would make them fault exclude each other, over all Workers: whichever comes first wins.

  // Counts a view in. Otherwise says why not.
  bool AddView(std::string* whyNot);
  void DropView();
  // Announces a use that makes accesses fault. False while there are views.
  bool AddRestriction();
  // Takes back an announcement when the use did not come about.
  void DropRestriction();

  // Gives the addresses up: nothing is unmapped with this object any more. Only for addresses that nobody else is
  // given.
  void Vacate() { vacated_.store(true, std::memory_order_relaxed); }
  bool vacated() const { return vacated_.load(std::memory_order_relaxed); }
  // Memory at addresses that are given out once. Set before it is shared.
  void MarkApart() { apart_ = true; }
  bool apart() const { return apart_; }

  // How many userfaultfds have a part of it: an access may wait for as long as nobody fills the page.
  void AddRegistration() { registrations_.fetch_add(1, std::memory_order_relaxed); }
  void DropRegistration() { registrations_.fetch_sub(1, std::memory_order_relaxed); }
  bool registered() const { return registrations_.load(std::memory_order_relaxed) != 0; }

  // Pages of a driver: once advice drops one, the driver need not have it any more. Set before it is shared.
  void MarkOfDriver() { ofDriver_ = true; }
  bool ofDriver() const { return ofDriver_; }

 private:
  uint8_t* const address_;
  const size_t sizeBytes_;
  const int prot_;
  const bool huge_;
  const std::shared_ptr<const FileGuarantee> guarantee_;
  const uint64_t fileOffset_;
  bool ofDriver_ = false;
  bool apart_ = false;
  std::atomic<bool> vacated_{false};

  std::mutex mutex_;
  size_t views_ = 0;
  size_t restrictions_ = 0;
  std::atomic<size_t> registrations_{0};
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_MEMORY_H_
