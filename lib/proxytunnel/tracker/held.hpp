// SPDX-License-Identifier: GPL-2.0-or-later
// summary: segments that came before their tunnel was known to be open, kept with their headers.
#pragma once

#include <vector>

#include "base/direction.hpp"
#include "base/range_set.hpp"
#include "base/segment.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

/// A copy of one segment.
class Held {
 public:
  Held(const Segment& segment, Side side, Range place, Offset from);

  [[nodiscard]] Side side() const noexcept { return side_; }
  /// The offsets of its payload on the wire.
  [[nodiscard]] Range place() const noexcept { return place_; }
  /// The part of it that is to be shown: what is not known yet stays behind.
  [[nodiscard]] Range window() const noexcept { return window_; }
  void set_window(Range window) noexcept { window_ = window; }
  /// Borrows from this object.
  [[nodiscard]] Segment segment() const noexcept;
  /// Bytes that a copy of this segment takes.
  [[nodiscard]] static std::size_t cost(const Segment& segment) noexcept {
    return segment.header.size() + segment.payload.size() + segment.frame.envelope.size();
  }

 private:
  Segment skeleton_;                 // its views are empty
  std::vector<std::uint8_t> bytes_;  // header, payload, envelope
  std::size_t header_size_, payload_size_;
  Side side_;
  Range place_, window_;
};

/// The held segments of one connection, in order of arrival; bounded by held_bytes and a number of segments.
class HeldSegments {
 public:
  /// `from`: the offset of the first byte that was not shown yet. False if there was no room, or `most` are held.
  bool hold(const Segment& segment, Side side, Range place, Offset from, std::size_t most);
  /// Forgets the segments of a side that end at or before `offset` and close nothing: they were all handshake.
  void forget(Side side, Offset offset);
  /// Hands all of them over.
  std::vector<Held> release();
  /// Hands over what can be told of now that everything before `offset` is known: whole segments, and copies of those
  /// that go on behind it, which stay with the rest.
  std::vector<Held> release(PerSide<Offset> known);
  [[nodiscard]] bool empty() const noexcept { return segments_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return segments_.size(); }
  /// Bytes that all of them take.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::vector<Held> segments_;
  std::size_t bytes_ = 0;
};

}  // namespace proxytunnel
