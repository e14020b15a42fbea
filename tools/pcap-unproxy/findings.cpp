// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the tool finds out of attempts besides what the core knows.
#include "findings.hpp"

#include "inside/differences.hpp"

namespace unproxy {

void Findings::opened(const proxytunnel::Attempt& attempt, Chosen chosen) {
  if (!is_on_) return;
  if (chosen == Chosen::yes) hashes_.opened(attempt.id);
  if (chosen == Chosen::yes || wants_services_) insides_.opened(attempt.id);
  if (attempt.parent != proxytunnel::no_tunnel) carriers_.insert(attempt.parent);
}

void Findings::ended(proxytunnel::ReportEntry& entry) {
  if (!is_on_) return;
  hashes_.ended(entry);
  insides_.ended(entry);
  const bool carries = carriers_.erase(entry.attempt.id) > 0;
  note_differences(entry, carries ? Carries::tunnels : Carries::payload);
  credentials_.ended(entry.attempt);
}

}  // namespace unproxy
