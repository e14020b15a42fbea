// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how far the clock of a capture is ahead of another one's, from what must have happened in an order.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/segment.hpp"

namespace proxytunnel {

/// What one conversation that is in both captures says: the offset lies between these.
struct ClockBounds {
  Time least, most;
};

struct ClockOffset {
  Time ahead = 0;        ///< of the other capture's clock
  Time uncertainty = 0;  ///< it may be so much more or less
  std::size_t votes = 0;
};

/// The offset that most of the bounds agree on: the middle of what they have in common. Bounds whose least is above
/// their most say nothing. nullopt without any.
[[nodiscard]] std::optional<ClockOffset> agree(const std::vector<ClockBounds>& bounds);

}  // namespace proxytunnel
