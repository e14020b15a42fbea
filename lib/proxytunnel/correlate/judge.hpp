// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whether a leg can be a tunnel's, and what speaks for it.
#pragma once

#include <optional>

#include "correlate/clock.hpp"
#include "correlate/evidence.hpp"
#include "correlate/leg.hpp"
#include "correlate/tunnelled.hpp"

namespace proxytunnel {

/// How the times of a source of legs compare with those of tunnels.
struct LegClock {
  Time ahead = 0;
  std::optional<Time> slack;  ///< absent: times say nothing
};

/// What speaks for it, of what was said and of its ends; nullopt if it carried something else.
[[nodiscard]] std::optional<Grounds> judge_content(const Tunnelled& tunnel, const Leg& leg);

/// Whether the leg lived while the tunnel did, and each end heard what was said after the other one said it. A leg to
/// which requests are forwarded may be older.
[[nodiscard]] bool is_in_time(const Tunnelled& tunnel, const Leg& leg, const LegClock& clock);

/// What the two say of the leg's clock, if the leg is the tunnel's; nullopt if nothing.
[[nodiscard]] std::optional<ClockBounds> bounds_of(const Tunnelled& tunnel, const Leg& leg);

/// What the ends of a leg tell of a target.
void judge_ends(const Tunnelled& tunnel, const Leg& leg, Grounds& grounds);

}  // namespace proxytunnel
