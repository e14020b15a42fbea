// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which bytes of one direction belong to which virtual conversation, and where they stand in it.
#pragma once

#include <limits>
#include <vector>

#include "base/range_set.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

/// A range of the parent's stream that one conversation has: all behind the base, or one HTTP message.
struct Share {
  Range range;                  ///< offsets in the parent's stream
  TunnelId tunnel = no_tunnel;  ///< whose it is
  Offset at = 0;                ///< of its first byte in the virtual stream

  /// The end of a share that goes on for good.
  static constexpr Offset no_end = std::numeric_limits<Offset>::max() / 2;
  [[nodiscard]] bool has_end() const noexcept { return range.end < no_end; }
};

/// The shares of one direction, in ascending order and disjoint; at least the latest limits::shares of them. What lies
/// between them is nobody's.
class Shares {
 public:
  /// `range` begins where the last share ends, or behind it. It continues the last one if that is the same
  /// conversation's. What lies at or behind `shown` may still have to be shown and is not forgotten.
  void add(Range range, TunnelId tunnel, Offset at, Offset shown);

  [[nodiscard]] const std::vector<Share>& list() const noexcept { return list_; }
  /// Where the last one ends: from there on bytes are nobody's.
  [[nodiscard]] Offset end() const noexcept { return list_.empty() ? 0 : list_.back().range.end; }
  /// The first share that ends behind `offset`; list().end() if there is none.
  [[nodiscard]] std::vector<Share>::const_iterator behind(Offset offset) const noexcept;
  /// The share that holds the byte at `offset`; nullptr if it is nobody's or forgotten.
  [[nodiscard]] const Share* holding(Offset offset) const noexcept;
  /// The last share of a conversation that begins before `offset`, else its first one; nullptr if it has none.
  [[nodiscard]] const Share* before(TunnelId tunnel, Offset offset) const noexcept;

 private:
  std::vector<Share> list_;
};

}  // namespace proxytunnel
