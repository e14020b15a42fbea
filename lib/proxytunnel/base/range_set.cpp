// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a bounded set of half-open ranges of offsets.
#include "base/range_set.hpp"

#include <algorithm>

namespace proxytunnel {

std::int64_t RangeSet::add(Range range) {
  if (range.begin >= range.end) return 0;
  if (!ranges_.empty() && ranges_.back().end == range.begin) {
    ranges_.back().end = range.end;
    size_ += range.end - range.begin;
    return range.end - range.begin;
  }
  // The ranges that touch the new one become one with it.
  const auto first = std::lower_bound(ranges_.begin(), ranges_.end(), range.begin,
                                      [](const Range& have, std::int64_t begin) { return have.end < begin; });
  auto last = first;
  std::int64_t had = 0;
  Range joined = range;
  for (; last != ranges_.end() && last->begin <= range.end; ++last) {
    had += std::max<std::int64_t>(0, std::min(last->end, range.end) - std::max(last->begin, range.begin));
    joined.begin = std::min(joined.begin, last->begin);
    joined.end = std::max(joined.end, last->end);
  }
  const std::int64_t added = range.end - range.begin - had;
  size_ += added;
  if (first == last) {
    ranges_.insert(first, joined);
  } else {
    *first = joined;
    ranges_.erase(first + 1, last);
  }
  if (ranges_.size() > most_) {
    abandoned_ += ranges_[1].begin - ranges_[0].end;
    ranges_[1].begin = ranges_[0].begin;
    ranges_.erase(ranges_.begin());
    overflowed_ = true;
  }
  return added;
}

}  // namespace proxytunnel
