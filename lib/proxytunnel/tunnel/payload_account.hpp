// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how much payload of one direction the capture holds, and how much it provably lacks. Offsets, no bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/limits.hpp"
#include "base/range_set.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

/// Offsets count from the first byte of payload (the base).
class PayloadAccount {
 public:
  /// Bytes [offset, offset + captured) are in the capture; the segment reached to offset + length on the wire.
  void seen(Offset offset, std::uint32_t captured, std::uint32_t length) {
    present_.add({offset, offset + captured});
    if (offset + length > end_) end_ = offset + length;
  }
  /// The other side acknowledged everything before `offset`. The last one of these may be the place of a FIN.
  void acknowledged(Offset offset) noexcept {
    const bool credible = offset - std::max(end_, acknowledged_) < limits::largest_window;
    if (credible && offset - 1 > acknowledged_) acknowledged_ = offset - 1;
  }
  /// A FIN stands at `offset`: the payload ends there.
  void finished(Offset offset) noexcept {
    if (offset > end_) end_ = offset;
  }

  [[nodiscard]] std::int64_t bytes() const noexcept { return present_.size(); }
  [[nodiscard]] std::int64_t missing_bytes() const noexcept {
    const Offset proven = end_ > acknowledged_ ? end_ : acknowledged_;
    return proven - present_.size();
  }
  /// True if the holes are more than could be remembered: the counts are right, where the holes are is not known.
  [[nodiscard]] bool overflowed() const noexcept { return present_.overflowed(); }

 private:
  RangeSet present_{limits::payload_ranges};
  Offset end_ = 0;
  Offset acknowledged_ = 0;
};

}  // namespace proxytunnel
