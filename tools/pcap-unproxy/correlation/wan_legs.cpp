// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what --correlate found of the tunnels of an input, and of the legs of its proxies.
#include "correlation/wan_legs.hpp"

#include <algorithm>

namespace unproxy {

using proxytunnel::Tunnelled;
using proxytunnel::WanLeg;

WanLegs::WanLegs(const std::vector<Tunnelled>& tunnels, proxytunnel::Correlation found) : legs_(std::move(found.legs)) {
  clients_.reserve(tunnels.size());
  for (std::size_t i = 0; i < tunnels.size(); ++i) {
    const Tunnelled& tunnel = tunnels[i];
    WanLeg& leg = found.tunnels[i];
    known_ += leg.is_known() ? 1U : 0U;
    ambiguous_ += leg.candidates.empty() ? 0U : 1U;
    clients_.push_back({tunnel.client, tunnel.id, tunnel.flow, tunnel.transport == proxytunnel::Transport::udp,
                        tunnel.target.address ? "" : tunnel.target.host});
    if (!leg.is_known() && leg.candidates.empty()) continue;
    found_.emplace(Key(tunnel.id, tunnel.flow), Found{tunnel.request.frame, std::move(leg)});
  }
}

proxytunnel::KnownOrigins WanLegs::origins() const {
  proxytunnel::KnownOrigins origins;
  for (const auto& [of, found] : found_) {
    if (!found.leg.is_known()) continue;
    const auto& parts = found.leg.parts;
    const proxytunnel::Endpoint& origin = parts.front().leg.ends.acceptor;
    const bool is_one =
        std::all_of(parts.begin(), parts.end(), [&](const auto& part) { return part.leg.ends.acceptor == origin; });
    if (is_one) origins.emplace(of, proxytunnel::KnownOrigin{origin, found.request});
  }
  return origins;
}

void WanLegs::note(proxytunnel::ReportEntry& entry) const {
  const proxytunnel::TunnelId id = entry.attempt.id;
  for (auto found = found_.lower_bound({id, 0}); found != found_.end() && found->first.first == id; ++found) {
    if (found->second.request != entry.attempt.request.frame) continue;
    const std::size_t flow = found->first.second;
    if (flow >= entry.wan.size()) entry.wan.resize(flow + 1);
    entry.wan[flow] = found->second.leg;
  }
}

const WanLeg& WanLegs::found(const proxytunnel::ServedLeg::Client& of) const {
  const proxytunnel::LegClient& whose = client(of);
  return found_.at({whose.input_id, whose.flow}).leg;
}

}  // namespace unproxy
