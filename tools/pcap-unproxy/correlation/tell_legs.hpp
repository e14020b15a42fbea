// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what --correlate tells of an input: in words, and in the report.
#pragma once

#include <string>
#include <vector>

#include "correlation/wan_legs.hpp"
#include "lines.hpp"

namespace unproxy {

/// Of one input.
struct LegsOfInput {
  const WanLegs& legs;
  const std::vector<proxytunnel::LegSource>& sources;
  std::string name;
  std::size_t input = 0;
};

void tell_legs(const LegsOfInput& found, const Options& options, LineSink& lines);

}  // namespace unproxy
