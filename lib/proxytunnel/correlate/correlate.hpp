// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which leg is which tunnel's: from what was said, where, and when. Pure; nothing is claimed that two could
// be.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "correlate/clock.hpp"
#include "correlate/leg.hpp"
#include "correlate/tunnelled.hpp"
#include "correlate/wan_leg.hpp"

namespace proxytunnel {

struct CorrelationOptions {
  /// How far clocks may be apart at most; absent: any distance, where what was said tells.
  std::optional<Time> skew;
  HashKey hash_key;         ///< of look-ups: a secret, different in each run; no result depends on it
  std::size_t sources = 1;  ///< of legs
};

/// Of a source of legs.
struct SourceClock {
  std::size_t source = 0;
  std::optional<ClockOffset> offset;  ///< absent: nothing in it tells
};

struct Correlation {
  std::vector<WanLeg> tunnels;  ///< in the order of those that were given
  std::vector<SourceClock> clocks;
  std::vector<ServedLeg> legs;  ///< those from addresses of a proxy, in the order of those that were given
};

/// Two clocks are taken to agree this far where nothing tells more, and this far where at least three conversations do.
constexpr Time clock_slack = 1'000'000'000, clock_jitter = 10'000'000;

/// Sources are numbered from 0. Time and memory grow with the number of tunnels and legs.
[[nodiscard]] Correlation correlate(std::span<const Tunnelled> tunnels, std::span<const Leg> legs,
                                    const CorrelationOptions& options);

}  // namespace proxytunnel
