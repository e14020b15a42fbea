// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what remains of a connection when the payload of its tunnels moved into virtual conversations.
//
// Theory of operation: of each direction, some ranges moved, and the rest stays: handshakes, and what is the proxy's
// own. What stays is a stream, too, and has no gap where something moved: the place of a byte in it is its offset, less
// what moved before it. Acknowledgments and SACK blocks follow likewise. Whether a byte moves may be known only later.
// Until then its segment waits, and all that come behind it on the connection. See docs/decisions/0021.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/direction.hpp"
#include "base/limits.hpp"
#include "base/range_set.hpp"
#include "base/segment.hpp"
#include "base/streams.hpp"
#include "synth/translate.hpp"

namespace proxytunnel {

/// What remains of a packet that was put in with a ticket.
struct Remainder {
  Ticket ticket = 0;
  bool is_whole = true;  ///< it stays as it is
  /// Otherwise: the segments that are left of it, between the same ends. None: it is gone.
  std::vector<Translation> pieces{};
};

/// The ranges of one direction that moved. At least the latest limits::shares of them are known.
class Moved {
 public:
  /// `range` begins where the last one ends, or behind it.
  void add(Range range);
  [[nodiscard]] bool any() const noexcept { return !list_.empty(); }
  /// False for what lies so far back that nobody knows any more what moved there.
  [[nodiscard]] bool knows(Offset offset) const noexcept { return offset >= known_from_; }
  /// How many bytes before `offset` moved.
  [[nodiscard]] Offset before(Offset offset) const noexcept;
  /// True if a byte of the range, or one behind it, moved.
  [[nodiscard]] bool any_behind(Offset offset) const noexcept { return any() && list_.back().range.end > offset; }
  /// The first range at or behind `offset` that stays: up to the next that moved. Empty if nothing stays.
  [[nodiscard]] Range stays_behind(Offset offset) const noexcept;

 private:
  struct Entry {
    Range range;
    Offset before = 0;  ///< that moved before it
  };
  [[nodiscard]] std::vector<Entry>::const_iterator behind(Offset offset) const noexcept;

  std::vector<Entry> list_;
  Offset known_from_ = 0;
};

/// What is known of a segment that waits.
struct RemainderWaiting {
  Ticket ticket = 0;
  Side side = Side::initiator;
  Range place;                           ///< of its payload
  std::optional<Offset> acknowledged{};  ///< of the other side's stream
  bool syn = false, fin = false, rst = false;
  bool sacks = false;       ///< it has SACK blocks
  bool is_doubted = false;  ///< nobody knows whether its receiver took it
  bool is_dropped = false;  ///< it did not
};

/// Of one connection that may have tunnels.
struct Remains {
  PerSide<Moved> moved;
  /// What stays though it may have been payload: it waited for too long.
  PerSide<RangeSet> stayed{RangeSet(limits::payload_ranges), RangeSet(limits::payload_ranges)};
  PerSide<std::optional<Offset>> fin_at;
  PerSide<Offset> acknowledged{0, 0};  ///< by each side, of what remains of the other's stream
  std::deque<RemainderWaiting> waiting;

  [[nodiscard]] RemainderWaiting* find(Ticket ticket) noexcept;
  /// How much of what moved lies before `offset`; a FIN does not move.
  [[nodiscard]] Offset moved_before(Side side, Offset offset) const noexcept;
};

/// What of `range` is left without the ranges of two sets.
[[nodiscard]] std::vector<Range> without(Range range, const RangeSet& some, const RangeSet& others);

}  // namespace proxytunnel
