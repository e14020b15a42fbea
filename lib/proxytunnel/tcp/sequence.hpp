// SPDX-License-Identifier: GPL-2.0-or-later
// summary: TCP sequence numbers <-> 64-bit offsets, for one direction of a connection. The only place that does this.
// spec: RFC 9293 section 3.4
#pragma once

#include <algorithm>
#include <cstdint>

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

  /// The stream is seen up to `offset`.
  void see(Offset offset) noexcept { latest_ = std::max(latest_, offset); }

  /// The stream goes on at a number that lies ahead, however far: by one round of the numbers at most.
  void leap(std::uint32_t sequence) noexcept { latest_ += static_cast<Offset>(sequence - this->sequence(latest_)); }

 private:
  Offset latest_ = 0;
  std::uint32_t first_ = 0;
  bool known_ = false;
};

}  // namespace proxytunnel
