// Which parts of which mappings a userfaultfd has registered.
#ifndef KVM_FAULTLAB_RANGE_SET_H_
#define KVM_FAULTLAB_RANGE_SET_H_

#include <cstddef>
#include <cstdint>
#include <map>

namespace faultlab {

// A set of bytes as disjoint ranges [start, end).
class RangeSet {
 public:
  void Add(uint64_t start, uint64_t end);
  void Remove(uint64_t start, uint64_t end);
  bool empty() const { return ranges_.empty(); }
  // Start to end.
  const std::map<uint64_t, uint64_t>& ranges() const { return ranges_; }

 private:
  std::map<uint64_t, uint64_t> ranges_;
};

}  // namespace faultlab

#endif  // KVM_FAULTLAB_RANGE_SET_H_
