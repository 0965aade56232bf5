#include "range_set.h"

#include <algorithm>
#include <iterator>

namespace faultlab {

void RangeSet::Add(uint64_t start, uint64_t end) {
  auto next = ranges_.upper_bound(start);
  if (next != ranges_.begin() && std::prev(next)->second >= start) --next;
  while (next != ranges_.end() && next->first <= end) {
    start = std::min(start, next->first);
    end = std::max(end, next->second);
    next = ranges_.erase(next);
  }
  ranges_.emplace(start, end);
}

void RangeSet::Remove(uint64_t start, uint64_t end) {
  auto next = ranges_.upper_bound(start);
  if (next != ranges_.begin() && std::prev(next)->second > start) --next;
  while (next != ranges_.end() && next->first < end) {
    const uint64_t first = next->first;
    const uint64_t last = next->second;
    next = ranges_.erase(next);
    if (first < start) ranges_.emplace(first, start);
    if (last > end) ranges_.emplace(end, last);
  }
}

}  // namespace faultlab
