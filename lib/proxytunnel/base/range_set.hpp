// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a bounded set of half-open ranges of offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace proxytunnel {

struct Range {
  std::int64_t begin = 0, end = 0;  ///< half-open

  bool operator==(const Range&) const = default;
};

/// Disjoint ranges in ascending order, at most `most` of them. A stream without holes is one range, and appending to
/// the last range takes constant time.
class RangeSet {
 public:
  explicit RangeSet(std::size_t most) noexcept : most_(most) {}

  /// Adds a range; returns how many of its offsets are new. When the set would grow beyond its limit, the two
  /// lowest ranges are joined over the hole between them, `overflowed()` becomes true for good, and the hole counts
  /// as `abandoned()`.
  std::int64_t add(Range range);

  [[nodiscard]] const std::vector<Range>& ranges() const noexcept { return ranges_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }  ///< offsets added, each once
  [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }
  [[nodiscard]] std::int64_t abandoned() const noexcept { return abandoned_; }

 private:
  std::vector<Range> ranges_;
  std::size_t most_;
  std::int64_t size_ = 0;
  std::int64_t abandoned_ = 0;
  bool overflowed_ = false;
};

}  // namespace proxytunnel
