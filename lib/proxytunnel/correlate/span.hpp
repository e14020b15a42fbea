// SPDX-License-Identifier: GPL-2.0-or-later
// summary: sums and differences of times that stay in range: hostile time stamps may be further apart than Time can
// tell.
#pragma once

#include <limits>

#include "base/segment.hpp"

namespace proxytunnel {

/// The nearest there is, where it is out of range.
[[nodiscard]] constexpr Time plus(Time one, Time another) noexcept {
  Time sum = 0;
  if (!__builtin_add_overflow(one, another, &sum)) return sum;
  return another < 0 ? std::numeric_limits<Time>::min() : std::numeric_limits<Time>::max();
}
[[nodiscard]] constexpr Time minus(Time one, Time another) noexcept {
  Time difference = 0;
  if (!__builtin_sub_overflow(one, another, &difference)) return difference;
  return another > 0 ? std::numeric_limits<Time>::min() : std::numeric_limits<Time>::max();
}

}  // namespace proxytunnel
