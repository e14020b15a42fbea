// SPDX-License-Identifier: GPL-2.0-or-later
// summary: everything that is known about one attempt to open a tunnel: one entry of the report.
#include "tunnel/attempt.hpp"

#include <algorithm>

namespace proxytunnel {

void Attempt::log_in(const Credentials& with) {
  if (!with.username) return;
  credentials = with;
  if (with.password && !inside_tls) note("clear-text-credentials");
}

void Attempt::claim(const ForwardedClaims& claims) {
  if (!forwarded_for.empty()) return;
  for (const ForwardedNode& node : claims.list().nodes) {
    if (!node.text.empty()) forwarded_for.push_back(node.text);
  }
}

void Attempt::note(std::string_view anomaly) {
  if (!anomaly.empty() && !has_noted(anomaly)) anomalies.emplace_back(anomaly);
}

bool Attempt::has_noted(std::string_view anomaly) const noexcept {
  return std::find(anomalies.begin(), anomalies.end(), anomaly) != anomalies.end();
}

}  // namespace proxytunnel
