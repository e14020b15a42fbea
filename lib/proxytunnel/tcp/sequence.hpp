// SPDX-License-Identifier: GPL-2.0-or-later
// summary: TCP sequence numbers <-> 64-bit offsets, for one direction of a connection. The only place that does this.
// spec: RFC 9293 section 3.4
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/limits.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

class SequenceSpace {
 public:
  [[nodiscard]] bool known() const noexcept { return known_; }

  /// Sets the sequence number of offset 0: the one behind the SYN or, where the capture has no SYN, the first seen.
  void start(std::uint32_t first) noexcept {
    first_ = first;
    latest_ = leap_ = 0;
    known_ = true;
  }

  /// The offset of a sequence number: of all offsets that it can stand for, the one nearest to the latest seen.
  [[nodiscard]] Offset offset(std::uint32_t sequence) const noexcept {
    const auto expected = first_ + static_cast<std::uint32_t>(latest_);
    return latest_ + static_cast<std::int32_t>(sequence - expected);
  }
  [[nodiscard]] std::uint32_t sequence(Offset offset) const noexcept {
    return first_ + static_cast<std::uint32_t>(offset);
  }

  /// How far the stream was seen.
  [[nodiscard]] Offset latest() const noexcept { return latest_; }

  /// The offset of the first byte of a segment that is seen now, and which is `length` bytes long. What lies further
  /// ahead than a window allows, by one round of the sequence numbers at most, moves the stream on only if a second
  /// segment goes on from there: one forged segment must not move all that follow, a long loss must not hide it.
  Offset see(std::uint32_t sequence, std::uint32_t length) noexcept {
    const Offset near = offset(sequence);
    const bool is_near = near - latest_ < limits::largest_window && latest_ - near <= limits::largest_window;
    if (is_near || length == 0) {
      if (is_near) latest_ = std::max(latest_, near + length);
      return near;
    }
    const Offset ahead = near < latest_ ? near + round : near;
    const bool is_confirmed = ahead >= leap_ && ahead - leap_ <= limits::confirmed_leap && leap_ > latest_;
    leap_ = ahead + length;
    if (!is_confirmed) return near;
    latest_ = leap_;
    return ahead;
  }

 private:
  static constexpr Offset round = Offset{1} << 32;
  Offset latest_ = 0;
  Offset leap_ = 0;  ///< the end of the latest segment that lay too far ahead
  std::uint32_t first_ = 0;
  bool known_ = false;
};

}  // namespace proxytunnel
