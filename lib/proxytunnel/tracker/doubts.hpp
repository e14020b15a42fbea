// SPDX-License-Identifier: GPL-2.0-or-later
// summary: segments that their receiver may have dropped, kept until an answer tells; what was taken of the streams.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/direction.hpp"
#include "base/range_set.hpp"
#include "tcp/recent_bytes.hpp"
#include "tracker/held.hpp"

namespace proxytunnel {

/// Why a receiver drops a segment.
enum class Doubt : std::uint8_t {
  none,            ///< it takes it
  another_number,  ///< a SYN that is not of this connection
  outside_window,
  challenged,  ///< a RST in the window, but not at the next byte
  wrong_checksum
};

/// Whether the checksums of one side's segments tell anything.
enum class Trust : std::uint8_t {
  none,        ///< no checksum was seen that can be judged
  all_wrong,   ///< so far: whoever sends or captures computes them later, or not at all
  right,       ///< a wrong one is a fault
  unreliable,  ///< wrong ones were taken
};

/// What is odd about a connection, as a set of anomalies.
struct Oddities {
  bool outside_window = false, checksum_wrong = false, overlap_conflict = false;

  [[nodiscard]] bool any() const noexcept { return outside_window || checksum_wrong || overlap_conflict; }
  void add(Doubt why) noexcept { (why == Doubt::wrong_checksum ? checksum_wrong : outside_window) = true; }
};

/// A segment that waits.
struct Doubted {
  Held held;
  Doubt why;
  bool went_on = false;  ///< the connection went on as if it had not been there
};

using Doubts = std::vector<Doubted>;

/// What both sides sent that was taken, as offsets on the wire.
struct Sent {
  /// True if any byte of the range was taken.
  [[nodiscard]] bool overlaps(Side side, Range range) const noexcept {
    const auto& ranges = taken[side].ranges();
    return std::any_of(ranges.rbegin(), ranges.rend(),
                       [range](const Range& have) { return have.begin < range.end && range.begin < have.end; });
  }

  /// Bytes that it takes.
  [[nodiscard]] std::size_t size() const noexcept {
    return recent[Side::initiator].size() + recent[Side::acceptor].size();
  }

  PerSide<RangeSet> taken{RangeSet(limits::payload_ranges), RangeSet(limits::payload_ranges)};
  PerSide<RecentBytes> recent;
};

}  // namespace proxytunnel
