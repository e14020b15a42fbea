// SPDX-License-Identifier: GPL-2.0-or-later
// summary: everything that is known about one attempt to open a tunnel: one entry of the report.
#include "tunnel/attempt.hpp"

#include <algorithm>

namespace proxytunnel {

void Attempt::note(std::string_view anomaly) {
  if (std::find(anomalies.begin(), anomalies.end(), anomaly) == anomalies.end()) anomalies.emplace_back(anomaly);
}

}  // namespace proxytunnel
