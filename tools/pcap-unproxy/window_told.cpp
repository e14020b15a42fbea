// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --window: what is told of a window when it was read.
#include "window_told.hpp"

#include <utility>

namespace unproxy {

using proxytunnel::InputSummary;
using proxytunnel::WindowSummary;

// Where the sequence is over, so is everything in it.
WindowSummary summary_of(const Window& window, const Session& session, bool goes_on) {
  WindowSummary told;
  told.first = window.first;
  told.last = window.last;
  told.look_back = window.look_back;
  told.look_ahead = window.look_ahead;
  told.midstream = session.counters().midstream;
  if (!goes_on) return told;
  told.unfinished = session.unfinished().looked_at;
  told.silent = session.unfinished().silent;
  return told;
}

std::vector<std::string> warnings_of(const WindowSummary& window) {
  std::vector<std::string> warnings;
  if (window.unfinished != 0 || window.silent != 0) {
    warnings.push_back("of the window, " + std::to_string(window.unfinished) +
                       " sessions with proxies, or what may be some, were not over where reading ended, and " +
                       std::to_string(window.silent) + " connections had brought no payload; see --look-ahead");
  }
  if (window.look_back && window.midstream != 0) {
    warnings.push_back("of the window, " + std::to_string(window.midstream) +
                       " connections began without a SYN: they may be of an earlier one; see --look-back");
  }
  return warnings;
}

void forget_other_files(const Window& window, std::vector<InputSummary>& files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (window.has_file(i)) continue;
    InputSummary other;
    other.file = files[i].file;
    other.packets = other.bytes = std::nullopt;
    files[i] = std::move(other);
  }
}

}  // namespace unproxy
