// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how far the clock of a capture is ahead of another one's.
#include "correlate/clock.hpp"

#include <algorithm>

#include "correlate/span.hpp"

namespace proxytunnel {

std::optional<ClockOffset> agree(const std::vector<ClockBounds>& bounds) {
  struct Edge {
    Time at;
    bool is_end;
  };
  std::vector<Edge> edges;
  for (const ClockBounds& each : bounds) {
    if (each.least > each.most) continue;
    edges.push_back({each.least, false});
    edges.push_back({each.most, true});
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& one, const Edge& another) {
    return one.at != another.at ? one.at < another.at : one.is_end < another.is_end;
  });
  std::optional<ClockOffset> best;
  std::size_t open = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].is_end) {
      --open;
      continue;
    }
    ++open;
    if (best && open <= best->votes) continue;
    // Up to the next edge all that are open agree; the next one is an end, or more will agree.
    const Time half = minus(edges[i + 1].at, edges[i].at) / 2;
    best = ClockOffset{plus(edges[i].at, half), half, open};
  }
  return best;
}

}  // namespace proxytunnel
