// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what --correlate tells of an input: in words, and in the report.
#include "correlation/tell_legs.hpp"

#include <cmath>
#include <cstdio>

#include "input_run.hpp"

namespace unproxy {
namespace {

using proxytunnel::LegSource;

void tell_clock(const LegSource& source) {
  char text[160];
  const double ahead = static_cast<double>(source.clock->ahead) / 1e9;
  std::snprintf(text, sizeof text, "%.6f seconds %s, by %zu conversations", std::abs(ahead),
                ahead < 0 ? "behind" : "ahead", source.clock->conversations);
  complain(source.file + ": its clock is " + text);
}

void tell_words(const LegsOfInput& found) {
  std::string words = found.name + ": the other leg is known of " + std::to_string(found.legs.known()) + " of " +
                      std::to_string(found.legs.tunnels()) + " tunnels";
  if (const std::size_t unclear = found.legs.ambiguous(); unclear != 0) {
    words += "; of " + std::to_string(unclear) + " more than one may be it";
  }
  complain(words);
  for (const LegSource& source : found.sources) {
    if (source.clock && !source.file.empty()) tell_clock(source);
  }
}

}  // namespace

void tell_legs(const LegsOfInput& found, const Options& options, LineSink& lines) {
  if (options.verbosity != Verbosity::quiet) tell_words(found);
  for (const LegSource& source : found.sources) {
    if (source.legs_dropped == 0) continue;
    complain(std::to_string(source.legs_dropped) + " connections were left out where legs are looked for" +
             (source.file.empty() ? "" : ", in " + source.file) + ": there are too many");
  }
  if (options.report.empty()) return;
  const auto tell = [&lines](Table table, const std::string& json) {
    lines.add({table, proxytunnel::no_tunnel, proxytunnel::no_tunnel, 0, json});
  };
  for (const proxytunnel::ServedLeg& leg : found.legs.legs()) {
    tell(Table::legs, proxytunnel::served_leg_json(leg, found.input, found.legs.clients()));
  }
  for (const LegSource& source : found.sources) tell(Table::correlation, proxytunnel::leg_source_json(source));
}

}  // namespace unproxy
