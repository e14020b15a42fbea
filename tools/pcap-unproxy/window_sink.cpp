// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink in front of another one that lets through what belongs to a window.
#include "window_sink.hpp"

#include <utility>

namespace unproxy {

using proxytunnel::Attempt;

void WindowSink::opened(const Attempt& attempt) {
  if (!has(attempt.parent, attempt.carrier_first.frame)) return others_.opened(attempt);
  const bool is_declared = attempt.carrier_transport() == proxytunnel::Transport::udp;
  open_.emplace(attempt.id, is_declared);
  if (is_declared) ++open_declared_;
  ++opened_;
  to_.opened(attempt);
}

// One that never opened ends before what carries it; one that did may end behind it.
void WindowSink::ended(Attempt&& attempt) {
  const auto open = open_.find(attempt.id);
  if (open != open_.end()) {
    if (open->second) --open_declared_;
    open_.erase(open);
  } else if (!has(attempt.parent, attempt.carrier_first.frame)) {
    return others_.ended(std::move(attempt));
  }
  to_.ended(std::move(attempt));
}

}  // namespace unproxy
