#include "memory.h"

#include <sys/mman.h>

#include <utility>

#include "arguments.h"

namespace faultlab {

void FileGuarantee::NeverShorterThan(uint64_t sizeBytes) {
  uint64_t known = sizeBytes_.load(std::memory_order_relaxed);
  while (known < sizeBytes && !sizeBytes_.compare_exchange_weak(known, sizeBytes, std::memory_order_release)) {
  }
}

MappedMemory::MappedMemory(void* address, size_t sizeBytes, int prot, bool huge,
                           std::shared_ptr<const FileGuarantee> guarantee, uint64_t fileOffset)
    : address_(static_cast<uint8_t*>(address)), sizeBytes_(sizeBytes), prot_(prot), huge_(huge),
      guarantee_(std::move(guarantee)), fileOffset_(fileOffset) {}

MappedMemory::~MappedMemory() {
  if (!vacated()) munmap(address_, sizeBytes_);
}

bool MappedMemory::AddView(std::string* whyNot) {
  constexpr int kReadWrite = PROT_READ | PROT_WRITE;
  const std::lock_guard<std::mutex> lock(mutex_);
  if ((prot_ & kReadWrite) != kReadWrite) {
    *whyNot = "it is not mapped for reading and writing";
  } else if (restrictions_ != 0) {
    *whyNot = "mprotect, userfaultfd or a faulting madvise has been used on it";
  } else if (huge_ || (guarantee_ && guarantee_->huge())) {
    *whyNot = "it is of huge pages, and their pool may be empty at the access";
  } else if (guarantee_ && !FitsIn(guarantee_->sizeBytes(), fileOffset_, sizeBytes_)) {
    *whyNot = "its file can be shorter than the mapping: only a memfd sealed with F_SEAL_SHRINK and mapped within its "
              "size can be viewed";
  } else {
    views_++;
    return true;
  }
  return false;
}

void MappedMemory::DropView() {
  const std::lock_guard<std::mutex> lock(mutex_);
  views_--;
}

bool MappedMemory::AddRestriction() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (views_ != 0) return false;
  restrictions_++;
  return true;
}

void MappedMemory::DropRestriction() {
  const std::lock_guard<std::mutex> lock(mutex_);
  restrictions_--;
}

}  // namespace faultlab
