// SPDX-License-Identifier: GPL-2.0-or-later
// summary: TCP sequence numbers <-> 64-bit offsets, for one direction of a connection. The only place that does this.
// spec: RFC 9293 section 3.4
#pragma once

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
    latest_ = 0;
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

  /// Tells how far the stream was seen. A leap that no window allows does not count: one forged segment must not move
  /// all that follow.
  void advance(Offset seen) noexcept {
    if (seen > latest_ && seen - latest_ < limits::largest_window) latest_ = seen;
  }

 private:
  Offset latest_ = 0;
  std::uint32_t first_ = 0;
  bool known_ = false;
};

}  // namespace proxytunnel
